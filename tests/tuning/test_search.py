"""flori tune from end to end on small systems: what it reports is what ordinary runs reach."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import flori as package
from flori.cli.tuning import _again
from flori.core.overrides import apply
from flori.recipes.catalogue import find
from flori.tuning.ledger import Ledger
from flori.tuning.plan import Plan, plan
from flori.tuning.search import search
from flori.tuning.spaces import read
from tests.bad_input.asking import assert_refused, flori

SMALL = ("softmax-regression", "steps=4", "batch=64", "data.scale=auto")


@pytest.fixture(autouse=True)
def no_reports_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the report of each run takes most of a small trial's time, and is tested elsewhere."""
    monkeypatch.setattr("flori.artifacts.report.write_report", lambda *_: None)


def tuned(*words: str, folder: str = "tuned") -> dict[str, Any]:
    """What ``flori tune --json`` prints of a search for a small system."""
    answer = flori("tune", *SMALL, *words, "--run", folder, "--quiet", "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def summary(folder: str | Path) -> dict[str, Any]:
    return json.loads((Path(folder) / "summary.json").read_bytes())


def test_a_few_combinations_are_all_tried_and_the_best_is_told():
    said = tuned("lr=0.001,0.1,0.5", "optimizer=sgd,adam", "--trials", "50", "--pruner", "none")
    assert said["trials"] == 6 and said["states"] == {"complete": 6}  # lr=0.1 optimizer=sgd is the recipe's own
    settings = [tuple(trial["settings"].values()) for trial in said["all"]]
    assert settings[0] == () and len({*settings, ("0.1", "sgd")}) == 7
    scores = {trial["trial"]: summary(trial["run"])["scores"]["valid"]["accuracy"] for trial in said["all"]}
    assert scores == {trial["trial"]: trial["score"] for trial in said["all"]}
    assert said["best"]["score"] == max(scores.values())
    assert said["default"]["score"] == scores[1]
    assert said["beats_default_by"] == max(scores.values()) - scores[1]
    assert sorted(path.name for path in Path("tuned").glob("trial-*")) == [f"trial-{i:04d}" for i in range(1, 7)]


def test_a_trial_is_what_its_command_makes():
    said = tuned("lr=log:1e-3:1", "--trials", "3", "--pruner", "none", "--sampler", "random")
    command = shlex.split(json.loads((Path(said["best"]["run"]) / "recipe.json").read_bytes())["command"])
    assert command[:3] == ["flori", "train", "softmax-regression"] and "data.valid=0.15" in command
    again = package.train(command[2], run="again", **dict(word.split("=", 1) for word in command[3:]))
    assert again.summary["scores"] == summary(said["best"]["run"])["scores"]
    final = shlex.split(said["command"])
    assert [word for word in command if not word.startswith("data.valid")] == final


def test_the_same_command_goes_on_and_more_trials_go_further():
    words = ("lr=log:1e-3:1", "training.momentum=0:0.9", "--pruner", "none")
    first = tuned(*words, "--trials", "3")
    written = [summary(trial["run"])["seconds"] for trial in first["all"]]
    assert tuned(*words, "--trials", "3") == first
    more = tuned(*words, "--trials", "5")
    assert more["all"][:3] == first["all"] and more["trials"] == 5
    assert [summary(trial["run"])["seconds"] for trial in more["all"]][:3] == written
    assert tuned(*words, "--trials", "5", folder="elsewhere")["all"][4]["settings"] == more["all"][4]["settings"]


def test_another_search_in_the_same_folder_is_refused():
    tuned("lr=0.1,0.2", "--trials", "2")
    answer = flori("tune", *SMALL, "lr=0.1,0.3", "--run", "tuned")
    assert_refused(answer, "another search", "lr=0.1,0.2", "--run DIR")
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    assert_refused(flori("tune", *SMALL, "lr=0.1,0.3", "--run", "full"), "in use already")
    assert [path.name for path in Path("full").iterdir()] == ["notes.txt"]


def test_settings_that_diverge_fail_alone():
    said = tuned("lr=0.1,1e30", "--trials", "9", "--score", "loss")
    bad = next(trial for trial in said["all"] if trial["settings"] == {"lr": "1e30"})
    assert bad["state"] == "failed" and "loss became" in bad["fault"]
    assert said["states"]["complete"] == said["trials"] - 1
    assert said["higher_is_better"] is False


def test_a_part_that_the_data_brings_is_not_made_smaller(tmp_path):
    for part, count in (("train", 6), ("valid", 4), ("test", 4)):
        for label, grey in (("dark", 30), ("light", 220)):
            folder = tmp_path / "pictures" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (8, 8), grey + i).save(folder / f"{i}.png")
    answer = flori("tune", *SMALL, "data=pictures", "lr=0.1,0.2", "--trials", "2", "--run", "tuned")
    assert answer.exit_code == 0, answer.output
    assert "data.valid" not in answer.output
    assert flori("tune", *SMALL, "lr=0.1,0.2", "--trials", "1", "--run", "digits").stderr.count("data.valid=0.15") == 1


def test_the_report_has_its_pictures_and_the_command():
    said = tuned("lr=log:1e-3:1", "data.shift=0:2", "optimizer=sgd,adam", "--trials", "8", "--sampler", "random")
    html = Path(said["report"]).read_text()
    assert said["command"].replace("&", "&amp;") in html
    for name in ("history.png", "importance.png", "parallel.png"):
        assert f'src="{name}"' in html
        with Image.open(Path("tuned") / name) as picture:
            assert min(picture.size) > 100
    assert set(said["importance"]) == {"lr", "data.shift", "optimizer"}


def a_plan(*words: str, trials: int) -> Plan:
    recipe = find("softmax-regression")
    fixed, spaces = read(recipe, words)
    return plan(apply(recipe, fixed), fixed, spaces, trials, ("random", "none"), "")


def test_a_search_that_is_stopped_within_a_trial_goes_on_with_that_trial(tmp_path):
    searched = a_plan("steps=9", "batch=256", "training.checkpoint_seconds=0", "lr=log:1e-3:1", trials=2)
    url, seen = f"sqlite:///{tmp_path / 'study.db'}", []
    for stop in (True, False):
        ledger = Ledger(url, "study", True, tmp_path / "workers", 2)
        for news in search(searched, ledger, tmp_path):
            if news.state == "step" and news.number == 2:
                seen.append(news.report.step)
                if stop and news.report.step == 5:
                    break
        ledger.close()
    assert seen == [*range(1, 6), *range(6, 10)]
    alone = package.train("softmax-regression", run="alone", **dict(w.split("=") for w in _settings(tmp_path)))
    assert alone.summary["scores"] == summary(tmp_path / "trial-0002")["scores"]


def _settings(folder: Path) -> list[str]:
    document = json.loads((folder / "trial-0002" / "recipe.json").read_bytes())
    return shlex.split(document["command"])[3:]


@pytest.mark.parametrize(("pruner", "least"), [("median", 1), ("halving", 2)])
def test_poor_trials_are_ended_early(pruner, least):
    """Learning rates of almost nothing, beside the recipe's own and some that learn."""
    rates = "lr=1e-9,0.1,0.2,0.3,0.4,0.5,0.6,2e-9,3e-9"
    words = ("epochs=8", "batch=256", rates, "--trials", "50", "--pruner", pruner)
    answer = flori("tune", "softmax-regression", *words, "--run", "tuned", "--quiet", "--json")
    said = json.loads(answer.stdout)
    pruned = [trial for trial in said["all"] if trial["state"] == "pruned"]
    assert len(pruned) >= least
    for trial in pruned:
        assert summary(trial["run"])["status"] == "stopped" and summary(trial["run"])["epochs"] < 8
    assert said["default"]["state"] == "complete"
    assert said["best"]["settings"].get("lr", "default") not in ("1e-9", "2e-9", "3e-9")


def test_the_command_that_goes_on_names_the_folder(monkeypatch):
    monkeypatch.setattr("sys.argv", ["flori", "tune", "lenet", "lr=0:1"])
    assert _again(None, "runs/lenet-tune-1") == "flori tune lenet lr=0:1 --run runs/lenet-tune-1"
    assert _again("x", "x") == "flori tune lenet lr=0:1"
