"""What befalls workers: stopped, killed, gone on with by another number of them. The run ends with the same weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import chdir
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from flori.artifacts import checkpoints
from flori.cli.app import app
from flori.cli.training import resume_run, train_system
from tests.parallel import lives
from tests.parallel.cases import write_texts
from tests.parallel.groups import PATIENCE, messages, run_together, start_together, wait_for_lines, workers
from tests.runs.processes import same, weights

SETTINGS = [
    *("data=texts/counting.txt", "batch=7", "data.window=11", "data.order=sequential", "data.valid=0.1"),
    *("model.width=12", "model.hidden=14", "model.dropout=0", "precision=float64", "training.average=0.5"),
    *("training.accumulate=2", "training.checkpoint_seconds=0.3"),
]
WORDS = ("-m", "--", "flori", "train", "lstm", *SETTINGS, "steps=400", "--run", "run")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the texts."""
    folder = tmp_path_factory.mktemp("home")
    write_texts(folder / "texts")
    return folder


@pytest.fixture(autouse=True)
def texts(home: Path, own_folder: Path) -> None:
    (own_folder / "texts").symlink_to(home / "texts")


@pytest.fixture(scope="module")
def whole(home: Path) -> Path:
    """The run of one process."""
    with chdir(home):
        train_system("lstm", [*SETTINGS, "steps=400"], "whole", quiet=True, as_json=False)
    return home / "whole"


def must_equal(whole: Path) -> None:
    one, other = weights(whole), weights(Path("run"))
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(other[name], one[name], rtol=0, atol=1e-6)
    scores = [json.loads((path / "summary.json").read_text())["scores"] for path in (whole, Path("run"))]
    for part in scores[0]:
        assert scores[1][part] == pytest.approx(scores[0][part], abs=1e-6)


def test_torchrun_is_told_why_a_worker_failed(monkeypatch, tmp_path):
    """Its table of failures, which it prints last, shows the message of that file."""
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    done = CliRunner().invoke(app, ["train", "mlp", "data=nowhere"])
    told = json.loads((tmp_path / "error.json").read_text())
    assert done.exit_code == 2 and told["timestamp"] > 0
    assert told["message"].startswith("flori: data=nowhere: no such file")


def test_workers_stop_as_one_and_one_process_goes_on(whole):
    group = start_together(2, *WORDS)
    wait_for_lines(Path("run/metrics.jsonl"), 20, group)
    os.kill(workers(group)[1], signal.SIGTERM)
    _, said = group.communicate(timeout=PATIENCE)
    (told,) = messages(said, "stopped at step")
    assert "flori resume run" in told
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["status"] == "stopped" and 0 < summary["steps"] < 400
    found, remarks = checkpoints.load_newest(Path("run/checkpoints"))
    assert found is not None and found.numbers["step"] == summary["steps"] and not remarks
    resume_run("run", quiet=True, as_json=False)
    must_equal(whole)


@pytest.mark.long
def test_a_killed_worker_is_replaced_and_the_run_goes_on(whole):
    group = start_together(2, *WORDS, more=("--max-restarts=2",))
    wait_for_lines(Path("run/metrics.jsonl"), 40, group)
    os.kill(workers(group)[1], signal.SIGKILL)
    _, said = group.communicate(timeout=PATIENCE)
    assert group.returncode == 0, said
    assert "exitcode: -9" in said and "already holds a run" not in said and "Traceback" not in said
    must_equal(whole)


@pytest.fixture(scope="module", params=["data", "shard"])
def four(home: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A run that four began and left half done, and that of one process that went through."""
    settings, half, through = (
        [*SETTINGS, "steps=60", f"parallel={request.param}"],
        f"four-{request.param}",
        request.param,
    )
    with chdir(home):
        train_system("lstm", settings, through, quiet=True, as_json=False)
        status, _, said = run_together(4, "-m", "tests.parallel.lives", "write", half, *settings)
    assert status == 0, said
    return home / half, home / through


@pytest.mark.long
@pytest.mark.parametrize("readers", [1, 2, 3])
def test_a_checkpoint_of_four_is_read_by_others(four, readers):
    shutil.copytree(four[0], "run")
    if readers == 1:
        lives.read(Path("run"))
    else:
        status, _, said = run_together(readers, "-m", "tests.parallel.lives", "read", "run")
        assert status == 0, said
    kept = [load_file(path) for path in [*Path("run").glob("written-*"), *Path("run").glob("read-*")]]
    assert len(kept) == 4 + readers
    assert all(same(kept[0], other) for other in kept[1:])
    must_equal(four[1])
