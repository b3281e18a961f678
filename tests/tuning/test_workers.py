"""Two workers of ``flori tune lenet`` on one PostgreSQL study, one of them killed −9."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import flori
from tests.runs.processes import start
from tests.tuning import postgres

SETTINGS = ("steps=9", "batch=32", "training.checkpoint_seconds=0")
WORDS = ("tune", "lenet", *SETTINGS, "lr=log:1e-3:0.1", "model.activation=relu,tanh", "--pruner", "none", "--quiet")
TRIALS = 4
PATIENCE = 600.0  # seconds, for a machine with much else to do

NO_REPORTS = "import flori.artifacts.report as report; report.write_report = lambda *_: None"  # they take long to draw

DIE_WITHIN_THE_SECOND_TRIAL = """
import os, pathlib, signal, flori.tuning.search as search
real, begun = search._Judge.is_poor, set()
def is_poor(judge, report):
    begun.add(judge.claim.number)
    if len(begun) == 2 and report.step >= 6:
        recipe = judge.session.folder.path / "recipe.json"
        pathlib.Path("died").write_text(f"{judge.claim.number} {recipe.stat().st_mtime_ns}")
        os.kill(os.getpid(), signal.SIGKILL)
    return real(judge, report)
search._Judge.is_poor = is_poor
"""

LEAVE_HIM_TWO = """
import pathlib, time, flori.tuning.search as search
real = search._Judge.is_poor
def is_poor(judge, report):
    while not pathlib.Path("died").exists():
        time.sleep(0.02)
    return real(judge, report)
search._Judge.is_poor = is_poor
"""


@pytest.mark.skipif(not postgres.PROGRAMS, reason=postgres.MISSING)
def test_two_workers_share_a_study_and_one_goes_on_where_the_other_was_killed():
    with postgres.server() as url:
        words = (*WORDS, "--trials", str(TRIALS), "--run", "tuned", "--json", "--storage", url)
        ways = (DIE_WITHIN_THE_SECOND_TRIAL, LEAVE_HIM_TWO)
        killed, other = (start(*words, code=f"{NO_REPORTS}\n{way}") for way in ways)
        try:
            killed.communicate(timeout=PATIENCE)
            said, err = other.communicate(timeout=PATIENCE)
        finally:
            killed.kill()
            other.kill()
        assert killed.returncode == -signal.SIGKILL
        assert (other.returncode, err) == (0, "")
        storage = optuna.storages.RDBStorage(url)
        (study,) = storage.get_all_studies()
        attempts = storage.get_all_trials(study._study_id)
        storage.engine.dispose()
    number, written = map(int, Path("died").read_text().split())
    folder = Path("tuned") / f"trial-{number:04d}"

    # Every trial is done once, and both workers did some.
    done = [one for one in attempts if one.state == TrialState.COMPLETE]
    folders = [one.user_attrs["run"] for one in done]
    assert sorted(Path(path).name for path in folders) == [f"trial-{i:04d}" for i in range(1, TRIALS + 1)]
    assert len({one.user_attrs["worker"]["lock"] for one in done}) == 2
    assert len({tuple(one.user_attrs["words"]) for one in done}) == TRIALS

    # The killed worker's trial was taken up again, with its settings, from its checkpoint.
    (lost,) = [one for one in attempts if one.state == TrialState.FAIL]
    (again,) = [one for one in done if one.user_attrs.get("again") == number]
    assert lost.params == again.params and lost.user_attrs["run"] == again.user_attrs["run"] == str(folder.absolute())
    assert (folder / "recipe.json").stat().st_mtime_ns == written  # not begun anew

    # It ends as a run does that nobody killed, and so is the score in the study.
    command = shlex.split(json.loads((folder / "recipe.json").read_bytes())["command"])
    alone = flori.train("lenet", run="alone", **dict(word.split("=", 1) for word in command[3:]))
    assert again.value == alone.summary["scores"]["valid"]["accuracy"]
    document = json.loads(said)
    assert document["states"] == {"complete": TRIALS}
    assert document["best"]["score"] == max(one.value for one in done)


@pytest.mark.long
def test_thirty_trials_on_the_digits_beat_the_default_or_say_that_they_could_not():
    process = start("tune", "lenet", "lr=log:1e-3:0.1", "batch=32,64,128,256,512", "training.weight_decay=log:1e-4:0.3",
                    "data.shift=0:2", "steps=300", "--trials", "30", "--run", "tuned")  # fmt: skip
    out, err = process.communicate()
    assert process.returncode == 0, err
    document = json.loads(Path("tuned/outcome.json").read_bytes())
    gain = document["beats_default_by"]
    assert document["trials"] == 30
    assert gain == document["best"]["score"] - document["default"]["score"]
    assert (f"beats the default by {gain:.4g}" if gain > 0 else "could not beat the default") in out
