"""Runs on text killed with −9 at any moment and resumed end with the very weights of those that never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

import flori
from flori.artifacts import checkpoints
from flori.cli.training import resume_run
from flori.training import state
from tests.contract import texts
from tests.runs.processes import same, weights
from tests.runs.test_kill import kill_and_compare

NARROW = ("model.width=16", "model.hidden=24", "model.layers=2", "model.dropout=0.3", "training.average=0.99")
SETTINGS = {
    "lstm": (
        *("data=counting.txt", "data.tokens=char", "data.order=sequential", "data.window=16", "batch=8"),
        *("training.accumulate=2", *NARROW),
    ),
    "transformer": (
        *("data=digits.tsv", "data.least=1", "data.tokens_a_batch=256", "batch=32"),
        *("training.label_smoothing=0.1", "training.accumulate=2", *NARROW),
    ),
}
"""With all the state that such a run can have: what each part of a batch carries on, momentum, averages, dropout."""


@pytest.fixture(autouse=True)
def own_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated texts, and a cache for their tokens, in the folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for kind in ("Corpus", "Pairs"):
        texts.written(kind, tmp_path)


@pytest.mark.parametrize(("system", "seed"), [("lstm", 1), ("transformer", 2)])
def test_two_kills_change_no_bit(system: str, seed: int) -> None:
    assert kill_and_compare(system, 2, seed, (*SETTINGS[system], "epochs=4")) >= 1


@pytest.mark.long
@pytest.mark.parametrize("system", SETTINGS)
@pytest.mark.parametrize("seed", range(10, 15))
def test_twenty_kills_change_no_bit(system: str, seed: int) -> None:
    """Four kills of each of five runs."""
    assert kill_and_compare(system, 4, seed, (*SETTINGS[system], "epochs=20")) == 4


def stopped_and_resumed() -> bool:
    """Whether an LSTM that stops in the middle of an epoch, and goes on, ends as one that does not."""
    settings = dict(word.split("=", 1) for word in (*SETTINGS["lstm"], "epochs=2"))
    whole = flori.train("lstm", run="whole", **settings)
    half = whole.summary["steps"] // 4
    for report in flori.steps("lstm", run="stopped", **settings):
        if report.step == half:
            break
    saved = checkpoints.load_newest(Path("stopped/checkpoints"))[0]
    assert saved is not None
    carried = {name: t for name, t in saved.tensors.items() if name.startswith("memory.")}
    assert sorted(carried) == [f"memory.{part}.{number}" for part in (0, 1) for number in (0, 1)]
    assert all(t.shape == (2, 4, 24) and t.any() for t in carried.values())
    resume_run("stopped", quiet=True, as_json=False)
    return same(weights(whole.path), weights(Path("stopped")))


def test_the_carried_state_is_saved() -> None:
    assert stopped_and_resumed()


def test_without_the_carried_state_the_weights_would_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_memories", lambda tensors: {})
    assert not stopped_and_resumed()
