"""Whole runs of divided networks: to the end, stopped and gone on with by others, and predicted with by one process."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
import torch

import flori
from flori.artifacts import checkpoints
from flori.cli.training import resume_run, train_system
from tests.parallel.cases import SMALL, write_texts
from tests.parallel.groups import PATIENCE, messages, run_together, start_together, wait_for_lines, workers
from tests.runs.processes import weights

SHAPE = [f"{name}={value}" for name, value in SMALL["transformer-lm"].items()]
SETTINGS = [
    *("data=texts/counting.txt", "batch=7", "data.window=11", "data.valid=0.1", "precision=float64", *SHAPE),
    *("training.average=0.5", "steps=120", "patience=100", "training.checkpoint_seconds=0.3"),
]
TENSOR, PIPELINE = ("parallel.tensor=2",), ("parallel.pipeline=2",)
BOTH, SHARES = (*PIPELINE, *TENSOR), (*PIPELINE, "parallel=shard")
SAID = {
    TENSOR: "2 workers, 2 to a layer",
    PIPELINE: "2 workers, 2 stages",
    BOTH: "4 workers, 2 stages, 2 to a layer",
    SHARES: "4 workers, 2 stages",
}


def command(way: tuple[str, ...]) -> tuple[str, ...]:
    return ("-m", "--", "flori", "train", "transformer-lm", *SETTINGS, *way, "--run", "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the texts, and the run of one process."""
    folder = tmp_path_factory.mktemp("whole")
    write_texts(folder / "texts")
    before = Path.cwd()
    os.chdir(folder)
    train_system("transformer-lm", SETTINGS, "whole", quiet=True, as_json=False)
    os.chdir(before)
    return folder


@pytest.fixture(autouse=True)
def texts(whole: Path, own_folder: Path) -> None:
    (own_folder / "texts").symlink_to(whole / "texts")


def must_equal(whole: Path) -> None:
    one, other = weights(whole / "whole"), weights(Path("run"))
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(other[name], one[name], rtol=0, atol=1e-6)
    found = [json.loads((path / "summary.json").read_text()) for path in (whole / "whole", Path("run"))]
    assert found[0]["parameters"] == found[1]["parameters"]
    for part, scores in found[0]["scores"].items():
        assert found[1]["scores"][part] == pytest.approx(scores, abs=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("way", SAID)
def test_a_run_to_the_end_is_that_of_one_process(whole, way):
    status, out, said = run_together(int(SAID[way][0]), *command(way))
    assert status == 0, said
    assert out.count("run/report.html") == 1 and said.count(SAID[way]) == 1
    must_equal(whole)
    run = flori.load("run")
    assert run.evaluate()["scores"] == pytest.approx(run.summary["scores"]["test"], abs=1e-9)
    assert run.predict("th")[0]["text"] == flori.load(whole / "whole").predict("th")[0]["text"]
    assert said_in_report(run.path) == said_in_report(whole / "whole")


@pytest.mark.long
@pytest.mark.parametrize(
    ("way", "writers", "readers"),
    [(TENSOR, 2, 1), (TENSOR, 4, 2), (TENSOR, 1, 4), (PIPELINE, 4, 1), (PIPELINE, 2, 4), (BOTH, 4, 1), (SHARES, 4, 2)],
)
def test_a_stopped_run_is_gone_on_with_by_others(whole, way, writers, readers):
    stop(writers, way)
    found, remarks = checkpoints.load_newest(Path("run/checkpoints"))
    assert found is not None and not remarks
    if readers == 1:
        resume_run("run", quiet=True, as_json=False)
    else:
        status, _, said = run_together(readers, "-m", "--", "flori", "resume", "run", "--quiet")
        assert status == 0, said
    must_equal(whole)


@pytest.mark.long
def test_a_number_of_workers_that_does_not_suit_is_refused():
    status, _, said = run_together(3, *command(TENSOR))
    assert status != 0 and len(messages(said, "takes workers in groups of 2, and there are 3")) == 1
    assert "fault of flori" not in said
    assert not Path("run").exists()


def said_in_report(run: Path) -> tuple[list[str], list[str]]:
    """The headings and tables of a report but for settings and paths, and the pictures beside it."""
    text = (run / "report.html").read_text().partition("<h2>The recipe")[0]
    return re.findall(r"<h2>.*?</h2>|<td.*?</td>", text, re.DOTALL), sorted(path.name for path in run.glob("*.png"))


def stop(ranks: int, way: tuple[str, ...]) -> None:
    """Begin a run, and have one of its workers told to end."""
    group = start_together(ranks, *command(way))
    wait_for_lines(Path("run/metrics.jsonl"), 20, group)
    os.kill(workers(group)[-1], signal.SIGTERM)
    _, said = group.communicate(timeout=PATIENCE)
    assert len(messages(said, "stopped at step")) == 1, said
    assert 0 < json.loads((Path("run") / "summary.json").read_text())["steps"] < 120
