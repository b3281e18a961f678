"""flori crossval: what it says is what its folds say, by hand; killed it goes on; what it cannot do it says."""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flori
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command
from tests.bad_input.making import GOOD_PAIRS, GOOD_TAGS, classes, put, tiny
from tests.runs.processes import kill_while_training, same, weights
from tests.tuning.test_poisoned_rows import table

WORDS = ("mlp", "data=rows.csv", "target=price", "model.hidden=7", "batch=32", "device=cpu", "data.ignore=class")


def crossval(*words: str) -> dict[str, Any]:
    answer = command("crossval", *words, "--quiet", "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def predictions(folder: str) -> list[dict[str, str]]:
    with open(Path(folder) / "predictions.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_cross_validation_is_its_folds_run_by_hand() -> None:
    table()
    summary = crossval(*WORDS, "steps=13", "--folds", "3", "--run", "cv")
    by_hand = []
    for i in (1, 2, 3):
        settings = dict(word.split("=", 1) for word in WORDS[1:])
        run = flori.train(WORDS[0], run=f"hand-{i}", steps=13, **settings, **{"data.folds": 3, "data.fold": i})
        by_hand.append(run.summary["scores"]["test"])
        assert same(weights(run.path), weights(Path(f"cv/fold-{i}")))
        assert flori.load(f"cv/fold-{i}").evaluate()["scores"] == by_hand[-1]
    assert [one["scores"] for one in summary["by_fold"]] == by_hand
    assert {"rmse", "mae", "r2", "rmsle", "loss"} == set(summary["mean"])
    for name in summary["mean"]:
        values = [one[name] for one in by_hand]
        assert math.isclose(summary["mean"][name], statistics.mean(values), rel_tol=1e-12)
        assert math.isclose(summary["deviation"][name], statistics.stdev(values), rel_tol=1e-9)
    assert json.loads(Path("cv/summary.json").read_text())["mean"] == summary["mean"]
    assert Path("cv/report.html").is_file() and Path("cv/folds.png").stat().st_size > 5000
    _predictions_are_of_the_folds(by_hand)


def _predictions_are_of_the_folds(by_hand: list[dict[str, float]]) -> None:
    """Every row once, in the order of the file, its truth the file's, and a fold's errors those of its score."""
    rows, lines = predictions("cv"), Path("rows.csv").read_text().splitlines()
    assert [row["row"] for row in rows] == [str(i) for i in range(1, 241)]
    for line, row in enumerate(rows, 2):
        assert row["name"] == f"rows.csv:{line}" and float(row["truth"]) == float(lines[line - 1].split(",")[4])
    for fold, scores in enumerate(by_hand, 1):
        errors = [float(row["answer"]) - float(row["truth"]) for row in rows if row["fold"] == str(fold)]
        assert len(errors) == 80 and math.isclose(np.sqrt(np.mean(np.square(errors))), scores["rmse"], rel_tol=1e-9)


def test_a_killed_cross_validation_goes_on_to_the_very_weights() -> None:
    """Kill −9 in the second fold; the same command keeps the first and ends as one that was never killed."""
    table()
    words = (*WORDS, "epochs=60", "training.checkpoint_seconds=0.02", "--folds", "2")
    whole = crossval(*words, "--run", "whole")
    started = ("crossval", *words, "--run", "killed", "--quiet")
    assert kill_while_training(Path("killed/fold-2"), started, random.Random(0), 0.1)
    first = Path("killed/fold-1/summary.json").stat().st_mtime_ns
    assert not Path("killed/summary.json").exists() and Path("killed/fold-2/recipe.json").exists()
    again = crossval(*words, "--run", "killed")
    assert Path("killed/fold-1/summary.json").stat().st_mtime_ns == first
    for fold in ("fold-1", "fold-2"):
        assert same(weights(Path("whole") / fold), weights(Path("killed") / fold))
    assert again["mean"] == whole["mean"]
    assert Path("whole/predictions.csv").read_bytes() == Path("killed/predictions.csv").read_bytes()
    done = command("resume", "killed", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["mean"] == whole["mean"]
    assert_refused(
        command("crossval", *words, "lr=0.01", "--run", "killed"), "killed was begun with training.lr=0.003", "--run"
    )
    assert_refused(command("crossval", *words[:-1], "3", "--run", "killed"), "killed was begun with folds=2")


OTHERS = {
    "pictures": (("lenet", "data=photos", "batch=4"), lambda: classes(Path("photos")), 10, "cat"),
    "pairs": (
        ("seq2seq", *tiny("seq2seq"), "data=p.tsv", "data.least=1", "batch=8"),
        lambda: put(Path("p.tsv"), GOOD_PAIRS),
        25,
        "v a",
    ),
    "sentences": (
        ("bilstm-tagger", *tiny("bilstm-tagger"), "data=t.conll", "batch=8"),
        lambda: put(Path("t.conll"), GOOD_TAGS),
        20,
        "B-name O",
    ),
    "texts": (
        ("bilstm-classifier", *tiny("bilstm-classifier"), "data=t.csv", "batch=8"),
        lambda: put(Path("t.csv"), "text,label\n" + "so good,yes\nvery bad,no\n" * 10),
        20,
        "yes",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_task_has_folds(name: str) -> None:
    words, make, count, truth = OTHERS[name]
    make()
    summary = crossval(*words, "steps=1", "device=cpu", "--folds", "2", "--run", "cv")
    rows = predictions("cv")
    assert [row["row"] for row in rows] == [str(i) for i in range(1, count + 1)]
    assert rows[0]["truth"] == truth and {row["fold"] for row in rows} == {"1", "2"}
    assert sum(one["examples"] for one in summary["by_fold"]) == count


def test_classes_smaller_than_folds_are_told() -> None:
    table()
    text = Path("rows.csv").read_text().splitlines()
    put(Path("rows.csv"), "\n".join([*text, "1,2,a,u,3,rare,P1", "2,2,a,u,3,once,P1", "3,2,a,u,3,rare,P1"]) + "\n")
    words = ("softmax-regression", "data=rows.csv", "target=class", "steps=1", "device=cpu")
    answer = command("crossval", *words, "--folds", "3", "--run", "cv", "--quiet")
    assert answer.exit_code == 0, answer.output
    assert "class 'rare' has 2 examples for 3 folds: not every fold is judged by it\n" in answer.stderr
    assert "class 'once' has 1 example for 3 folds" in answer.stderr and "has not learnt it" in answer.stderr
    assert "deviation" in answer.stdout and "fold-3" in answer.stdout


REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "one fold": ((*WORDS, "--folds", "1"), ("--folds 1", "two are the least")),
    "no folds": ((*WORDS, "--folds", "0"), ("--folds 0",)),
    "folds without end": ((*WORDS, "--folds", "100000000000"), ("--folds 100000000000", "10,000 are the most")),
    "more folds than rows": ((*WORDS, "--folds", "241"), ("rows.csv", "240 examples are too few for 241 folds")),
    "an unknown column": ((*WORDS, "--group", "patent"), ("data.group=patent", "did you mean 'patient'?")),
    "the target as group": ((*WORDS, "--group", "price"), ("data.group=price", "column to predict")),
    "the identifier as group": (
        (*WORDS, "--group", "patient", "data.id=patient"),
        ("data.group=patient is data.id too",),
    ),
    "more folds than groups": (
        (*WORDS, "--group", "patient", "--folds", "32"),
        ("31 different values of 'patient' are too few for 32 folds",),
    ),
    "rows without a group": ((*WORDS, "--group", "size"), ("rows.csv:2", "the group 'size' is missing")),
    "groups of pictures": (("lenet", "--group", "x"), ("data.group=x", "pictures have none")),
    "groups of text": (("bilstm-tagger", "data=t.conll", "--group", "x"), ("--group x", "learns from text")),
    "folds twice": ((*WORDS, "data.folds=3"), ("--folds says how many",)),
    "a long text": (("ngram", "data=t.txt"), ("data.folds=5", "one piece", "data.test=0.2")),
    "wrong settings": ((*WORDS, "epchs=3"), ("unknown key 'epchs'",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_cross_validated_is_said_and_leaves_nothing(name: str) -> None:
    words, says = REFUSED[name]
    table()
    put(Path("t.conll"), GOOD_TAGS)
    put(Path("t.txt"), "one two three\n" * 50)
    assert_refused(command("crossval", *words, "--run", "cv", "--quiet"), *says)
    assert not Path("cv").exists()


def test_a_folder_in_use_is_refused() -> None:
    table()
    put(Path("cv/other.txt"), "mine")
    assert_refused(command("crossval", *WORDS, "--run", "cv"), "cv is in use already")
    assert [path.name for path in Path("cv").iterdir()] == ["other.txt"]
