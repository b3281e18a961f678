"""flori bag: the mean of its members, one test part that none of them has seen, one folder that predicts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flori
from flori.recipes.run import load
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command
from tests.tuning.test_poisoned_rows import table

WORDS = ("mlp", "data=rows.csv", "model.hidden=7", "batch=32", "steps=13", "device=cpu", "seed=3")


def bag(*words: str) -> dict[str, Any]:
    answer = command("bag", *words, "--members", "3", "--run", "bag", "--quiet", "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_numbers_are_the_mean_of_the_members() -> None:
    table()
    summary = bag(*WORDS, "target=price", "data.ignore=class")
    members = [flori.load(f"bag/member-{i}") for i in (1, 2, 3)]
    said = np.array([[one["value"] for one in member.predict("rows.csv")] for member in members])
    together = [one["value"] for one in flori.load("bag").predict("rows.csv")]
    np.testing.assert_allclose(together, said.mean(0), rtol=1e-5)
    assert np.ptp(said, 0).min() > 0 and [member.recipe.seed for member in members] == [3, 4, 5]
    scores = [member.summary["scores"]["test"] for member in members]
    assert math.isclose(summary["mean"]["rmse"], np.mean([one["rmse"] for one in scores]), rel_tol=1e-12)
    assert summary["scores"]["test"]["rmse"] < summary["mean"]["rmse"]  # the triangle inequality
    assert flori.load("bag").evaluate()["scores"] == summary["scores"]["test"]


def test_members_learn_from_other_draws_of_one_training_part() -> None:
    table()
    bag(*WORDS, "target=price", "data.ignore=class", "data.valid=0.1")
    parts = []
    for name in ("bag", "bag/member-1", "bag/member-2"):
        run = load(name)
        parts.append(run.parts(run.predictor().codec))
    whole, *drawn = ([*part["train"].names] for part in parts)
    assert len(set(whole)) == len(whole) and drawn[0] != drawn[1]
    for names in drawn:
        assert len(names) == len(whole) and set(names) < set(whole) and 0.5 < len(set(names)) / len(whole) < 0.75
    for held in ("valid", "test"):
        assert parts[0][held].names == parts[1][held].names == parts[2][held].names


def test_probabilities_are_the_mean_of_the_members() -> None:
    table()
    summary = bag(*WORDS, "target=class", "--no-bootstrap")
    tops = [dict(map(tuple, one["top"])) for one in flori.load("bag").predict("rows.csv")]
    said = [
        [dict(map(tuple, one["top"])) for one in flori.load(f"bag/member-{i}").predict("rows.csv")] for i in (1, 2, 3)
    ]
    for row, top in enumerate(tops):
        for label, chance in top.items():
            assert math.isclose(chance, np.mean([member[row][label] for member in said]), abs_tol=1e-6)
    assert summary["scores"]["test"]["loss"] < summary["mean"]["loss"]  # Jensen's inequality
    train = [load(f"bag/member-{i}") for i in (1, 2)]
    first, second = (run.parts(run.predictor().codec)["train"].names for run in train)
    assert first == second
    assert_refused(command("train", "mlp", "data=rows.csv", "target=class", "init=bag", "--run", "x"), "ensemble of 3")
    again = command("resume", "bag")
    assert again.exit_code == 0 and "together, test" in again.stdout and "member-3" in again.stdout


def test_an_ensemble_of_digits_beats_the_mean_of_its_members() -> None:
    summary = bag("mlp", "data=digits", "model.hidden=16", "steps=60", "device=cpu")
    assert summary["scores"]["test"]["accuracy"] > summary["mean"]["accuracy"] + 0.005
    assert summary["scores"]["test"]["loss"] < summary["mean"]["loss"]
    assert Path("bag/members.png").stat().st_size > 5000 and Path("bag/report.html").is_file()


def test_the_health_of_an_ensemble_is_that_of_a_member() -> None:
    table()
    bag(*WORDS, "target=class")
    assert_refused_last(command("inspect", "bag", "--health"), "bag is an ensemble", "bag/member-1")
    assert command("inspect", "bag/member-1", "--health").exit_code == 0


def assert_refused_last(answer: Any, *says: str) -> None:
    """Refused by the last line, after lines on how far it is."""
    assert answer.exit_code == 2 and "Traceback" not in answer.output, answer.output
    assert all(word in answer.stderr.splitlines()[-1] for word in says), answer.stderr


REFUSED = {
    "one member": ((*WORDS, "target=class", "--members", "1"), ("--members 1", "two are the least")),
    "members without end": (
        (*WORDS, "target=class", "--members", "100000000000"),
        ("--members 100000000000", "1,000 are the most"),
    ),
    "translations": (("seq2seq", "data=p.tsv"), ("averages classes and numbers", "seq2seq does translation")),
    "a long text": (("ngram", "data=t.txt"), ("averages classes and numbers", "ngram does language")),
    "no target": (WORDS, ("say which column to predict",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_averaged_is_said_and_leaves_nothing(name: str) -> None:
    words, says = REFUSED[name]
    table()
    assert_refused(command("bag", *words, "--run", "bag", "--quiet"), *says)
    assert not Path("bag").exists()
