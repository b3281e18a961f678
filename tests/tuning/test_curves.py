"""Curves of capacity and of the number of examples: their losses are those of runs; what they say is worked by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import flori
from flori.artifacts import section
from flori.core.errors import UserError
from flori.tuning.curves import Fit, said_of_capacity, said_of_sizes
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command
from tests.tuning.test_poisoned_rows import table

WORDS = ("mlp", "data=rows.csv", "target=price", "batch=32", "steps=13", "device=cpu", "data.ignore=class")


def fits(*losses: tuple[float, float]) -> list[Fit]:
    return [Fit(str(2**i), train, held) for i, (train, held) in enumerate(losses)]


def test_where_under_and_overfitting_begin() -> None:
    """1 and 2 are clearly worse than 4, before it; 8 is within a twentieth; 16 is worse after it."""
    said = said_of_capacity("width", fits((0.9, 1.0), (0.5, 0.6), (0.2, 0.4), (0.1, 0.41), (0.01, 0.5)))
    assert said == (
        "it underfits up to width=2 (training loss 0.5, held-out 0.6); the least held-out loss is 0.4, at width=4; "
        "it overfits from width=16 on (training loss 0.01, held-out 0.5)."
    )


def test_what_is_not_seen_is_not_said() -> None:
    falling = said_of_capacity("width", fits((0.9, 1.0), (0.5, 0.6)))
    assert falling.startswith("it underfits up to width=1") and falling.endswith("no value overfits clearly.")
    assert said_of_capacity("width", fits((0.5, 0.5), (0.1, 0.9))).startswith("no value underfits clearly")
    lost = said_of_capacity("width", fits((0.5, 0.5), (0.8, 0.9)))  # it trains worse: that is no overfitting
    assert lost.endswith("no value overfits clearly.")


def test_up_to_how_many_examples_it_overfits() -> None:
    said = said_of_sizes(fits((0.1, 0.9), (0.2, 0.5), (0.3, 0.4)))
    assert (
        said == "it overfits with up to 2 examples, and no longer with 4; "
        "the held-out loss still falls: more data would help."
    )
    assert said_of_sizes(fits((0.1, 0.9), (0.2, 0.5))).startswith(
        "it overfits at every size from 1 on, with 2 examples"
    )
    assert said_of_sizes(fits((0.5, 0.51), (0.5, 0.5))).endswith("falls no longer clearly.")


def test_a_curve_of_capacity_is_runs_by_hand() -> None:
    table()
    answer = command("inspect", *WORDS, "--capacity", "model.hidden=3;7,5", "--out", "c.png", "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert [one["value"] for one in told["losses"]] == ["3", "7,5"] and Path("c.png").stat().st_size > 5000
    assert told["verdict"] and not Path("runs").exists()
    settings = dict(word.split("=", 1) for word in WORDS[1:])
    for number, (hidden, one) in enumerate(zip(((3,), (7, 5)), told["losses"], strict=True)):
        run = flori.train("mlp", run=f"hand-{number}", **settings, **{"model.hidden": hidden, "data.valid": 0.2})
        assert run.summary["scores"]["valid"]["loss"] == one["held_out"]


def test_a_curve_of_sizes_is_runs_by_hand() -> None:
    """All as long as the whole training part takes: two epochs of 216 − 43 rows in batches of 32 are 12 steps. Losses
    are in the unit of the largest part, whatever each was standardised by."""
    table()
    words = [word for word in WORDS if not word.startswith("steps")]
    answer = command("inspect", *words, "epochs=2", "--data-sizes", "40,13", "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert [one["value"] for one in told["losses"]] == ["13", "40"] and Path("data-sizes.png").is_file()
    settings = dict(word.split("=", 1) for word in words[1:])
    by_hand = []
    for one in told["losses"]:
        more = {"data.valid": 0.2, "data.examples": one["value"]}
        run = flori.train("mlp", run=f"hand-{one['value']}", steps=12, **settings, **more)
        std = json.loads((run.path / "model/preprocessing.json").read_text())["scale"]["std"]
        by_hand.append((run.summary["scores"]["valid"]["loss"], std))
    assert by_hand[0][1] != by_hand[1][1]
    for (loss, std), one in zip(by_hand, told["losses"], strict=True):
        assert math.isclose(one["held_out"], loss * (std / by_hand[1][1]) ** 2, rel_tol=1e-9)
    every = command("inspect", *words, "steps=1", "--data-sizes", "auto")
    assert every.exit_code == 0 and "173" in every.stdout and "training loss" in every.stdout


REFUSED = {
    "no value": (("--capacity", "model.hidden"), ("--capacity model.hidden", "two values or more")),
    "one value": (("--capacity", "model.hidden=3"), ("two values or more",)),
    "an unknown key": (("--capacity", "model.hiden=3,5"), ("unknown key 'model.hiden'",)),
    "a key of the data": (("--capacity", "data.valid=.1,.2"), ("what the network can hold",)),
    "a wrong value": (("--capacity", "model.hidden=3,x"), ("model.hidden=x", "whole number")),
    "too many examples": (("--data-sizes", "10,1000"), ("--data-sizes 1000", "173 examples")),
    "no number": (("--data-sizes", "10,x"), ("'x' is no number of examples",)),
    "no examples": (("--data-sizes", "0"), ("'0' is no number of examples",)),
    "two views": (("--data-sizes", "auto", "--capacity", "model.hidden=1,2"), ("views of their own",)),
    "no picture": (("--data-sizes", "auto", "--out", "x.pdf"), ("name a .png file",)),
}


def test_a_picture_that_cannot_be_written_costs_no_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, name: str, figure: object) -> str:
        raise UserError(f"{folder / name} could not be written: the disk is full")

    monkeypatch.setattr(section, "save", full)
    table()
    answer = command("inspect", *WORDS, "--capacity", "model.hidden=3;5")
    assert answer.exit_code == 2 and answer.stderr.endswith(
        "flori: capacity.png could not be written: the disk is full\n"
    )
    assert "held-out loss" in answer.stdout and "the least held-out loss is" in answer.stdout


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_drawn_is_said(name: str) -> None:
    words, says = REFUSED[name]
    table()
    assert_refused(command("inspect", *WORDS, *words), *says)
    assert [path.name for path in Path.cwd().iterdir()] == ["rows.csv"]
