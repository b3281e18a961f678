"""Runs that are stopped from outside, or that something goes wrong with: saved, said, nothing spoilt."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import flori
from flori.artifacts import checkpoints, writing
from flori.cli.app import app
from flori.cli.training import resume_run
from flori.core.errors import UserError
from tests.runs.processes import PATIENCE, run, same, start, weights

WORDS = ("train", "softmax-regression", "epochs=400", "batch=64", "training.checkpoint_seconds=0.05")


def summary(folder: str) -> dict:
    return json.loads((Path(folder) / "summary.json").read_text())


def wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(number):
    process = start(*WORDS, "--run", "run", "--json")
    wait_for(Path("run/metrics.jsonl"))
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "flori resume run" in err and "Traceback" not in err
    assert "stopped" in json.loads(out)["error"]
    found = summary("run")
    assert found["status"] == "stopped" and 0 < found["steps"] < 400 * 26
    assert checkpoints.load_newest(Path("run/checkpoints"))[0].numbers["step"] == found["steps"]


SIGNAL_WHILE_READING = """
import os, signal
from flori.data import sources
real = sources.read
def read(options):
    os.kill(os.getpid(), signal.SIGTERM)
    return real(options)
sources.read = read
"""


def test_a_signal_before_the_first_step_leaves_nothing():
    status, _, err = run(*WORDS, "--run", "run", code=SIGNAL_WHILE_READING)
    assert status == 130, err
    assert "Traceback" not in err and not Path("run").exists()


def test_two_processes_cannot_train_into_one_run():
    process = start(*WORDS, "--run", "run", "--quiet")
    wait_for(Path("run/metrics.jsonl"))
    status, _, err = run("resume", "run")
    process.kill()
    process.communicate()
    assert status == 2 and "another process" in err


def test_done_runs_are_not_trained_again():
    flori.train("softmax-regression", epochs=1, run="run")
    status, out, err = run("resume", "run")
    assert status == 0 and "done already" in err and "accuracy" in out


def full_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes so many flushes of files, then no more."""
    real, seen = os.fsync, []

    def fsync(number: int) -> None:
        seen.append(number)
        if len(seen) > calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(writing.os, "fsync", fsync)


def test_a_full_disk_ends_with_one_message_and_the_last_checkpoint_whole(monkeypatch):
    whole = flori.train("softmax-regression", run="whole", epochs=4, batch=64)
    with monkeypatch.context() as patch:
        full_after(40, patch)
        with pytest.raises(UserError, match="disk is full"):
            flori.train("softmax-regression", run="run", epochs=4, batch=64, **{"training.checkpoint_seconds": 0})
    found, remarks = checkpoints.load_newest(Path("run/checkpoints"))
    assert found.numbers["step"] > 2 and not remarks
    assert not list(Path("run").rglob(".aside-*"))
    resume_run("run", quiet=True, as_json=False)
    assert same(weights(whole.path), weights(Path("run")))


def test_a_really_full_disk_is_told_to_the_user(tmp_path):
    """/dev/full refuses every byte, as a full disk does."""
    Path("run").mkdir()
    flori.train("softmax-regression", run="run/inner", epochs=1)
    (Path("run/inner") / "metrics.jsonl").unlink()
    Path("run/inner/metrics.jsonl").symlink_to("/dev/full")
    folder = flori.load("run/inner").folder
    with pytest.raises(UserError, match="disk is full"):
        folder.append_metrics({"step": 1})


def test_a_folder_that_cannot_be_written_is_told_before_any_work(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr("flori.recipes.beginning.assemble", lambda *_: pytest.fail("work was done first"))
    with pytest.raises(UserError, match="choose another place"):
        flori.train("softmax-regression", run="somewhere/run")


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint():
    settings = {"data": "digits", "optimizer": "sgd", "lr": 1e30, "schedule": "one-cycle", "steps": 300}
    with pytest.raises(UserError, match=r"(loss became|weights became).*lower learning rate"):
        flori.train("mlp", run="run", **settings, **{"training.checkpoint_seconds": 0})
    assert summary("run")["status"] == "failed" and "error" in summary("run")
    found, _ = checkpoints.load_newest(Path("run/checkpoints"))
    if found is not None:
        assert all(t.isfinite().all() for t in found.tensors.values())


def test_changed_data_is_noticed_by_resume():
    rows = [f"{i},{i % 7},{i * 3 % 11}" for i in range(60)]
    Path("table.csv").write_text("\n".join(["a,b,y", *rows]))
    for report in flori.steps("linear-regression", run="run", data="table.csv", target="y", epochs=5):
        if report.step == 3:
            break
    Path("table.csv").write_text("\n".join(["a,b,y", *rows[:-1], "60,1,99"]))
    status, _, err = run("resume", "run")
    assert status == 2 and "has changed" in err


def test_patience_stops_early_and_keeps_the_best_weights():
    done = flori.train("mlp", run="run", data="digits", epochs=60, patience=2, lr=0.02, batch=64)
    lines = [line for line in done.folder.metrics() if line["split"] == "valid"]
    best = max(line["accuracy"] for line in lines)
    assert len(lines) < 60 and lines[-1]["accuracy"] <= best and lines[-2]["accuracy"] <= best
    assert done.summary["scores"]["valid"]["accuracy"] == pytest.approx(best)
    assert {*done.summary["scores"]} == {"valid", "test"}


def test_json_prints_one_document_and_quiet_prints_no_progress():
    status, out, err = run("train", "linear-regression", "epochs=2", "--json", "--quiet")
    assert status == 0 and json.loads(out)["status"] == "done" and err == ""


def test_progress_goes_to_standard_error_and_results_to_standard_output():
    status, out, err = run("train", "linear-regression", "epochs=2")
    assert status == 0 and "rmse" in out and "report" in out and "examples/s" in err and "examples/s" not in out


def test_runs_without_a_name_are_numbered():
    for _ in range(2):
        flori.train("linear-regression", epochs=1)
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "linear-regression-1",
        "linear-regression-2",
    ]


def test_a_run_folder_that_is_taken_away_is_told():
    with pytest.raises(UserError, match="no longer there"):
        for report in flori.steps("mlp", run="run", steps=50):
            if report.step == 3:
                shutil.rmtree("run")


def test_a_run_interrupted_at_its_report_is_finished_by_resume(monkeypatch):
    """What a summary calls done is whole: the report is written before it."""
    from flori.artifacts import report

    whole = report.write_report

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "write_report", interrupted)
    with pytest.raises(KeyboardInterrupt):
        flori.train("lenet", run="run", steps=10)
    monkeypatch.setattr(report, "write_report", whole)
    assert CliRunner().invoke(app, ["resume", "run", "--quiet"]).exit_code == 0
    assert flori.load("run").summary["status"] == "done" and Path("run/report.html").is_file()


def test_data_that_changed_is_not_scored_as_the_runs_own():
    for label in ("light", "dark"):
        for number in range(6):
            path = Path("photos") / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (12, 12), (200 if label == "light" else 20) + number).save(path)
    run = flori.train("lenet", run="run", data="photos", steps=5)
    assert run.evaluate()["scores"] == run.summary["scores"]["test"]
    Path("photos/light/3.png").rename("photos/light/9.png")
    Image.new("L", (12, 12), 99).save("photos/light/7.png")
    with pytest.raises(flori.UserError, match="has changed since the run began"):
        run.evaluate()
    assert run.evaluate(data="photos")["part"] == "all"


def test_a_checkpoint_written_meanwhile_holds_what_was_when_it_was_asked_for(monkeypatch):
    may, real = threading.Event(), checkpoints.put
    monkeypatch.setattr(checkpoints, "put", lambda *file: may.wait(PATIENCE) and real(*file))
    saver, weight, notes = checkpoints.Saver(Path("checkpoints")), torch.ones(3), {"seen": 1.0}
    saver.save({"weight": weight}, {"step": 7, "notes": notes})
    weight.zero_()
    notes["seen"] = 2.0
    may.set()
    saver.wait()
    found, remarks = checkpoints.load_newest(Path("checkpoints"))
    assert found.tensors["weight"].tolist() == [1, 1, 1] and found.numbers["notes"] == {"seen": 1.0} and not remarks


def test_a_checkpoint_that_fails_meanwhile_ends_the_run(monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "put", refuse)
    settings = {"epochs": 400, "training.checkpoint_seconds": 0.0}
    with pytest.raises(UserError, match=r"step-00000\d+ could not be written: the disk is full"):
        flori.train("softmax-regression", run="run", **settings)
    assert summary("run")["status"] == "failed" and summary("run")["steps"] < 400 * 26
