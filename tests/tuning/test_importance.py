"""What mattered, against functions whose analysis of variance is known."""

from __future__ import annotations

import numpy as np
import pytest

from flori.tuning.importance import importances, place
from flori.tuning.spaces import Space

LR = Space("lr", low=1e-4, high=1.0, log=True)
DROPOUT = Space("dropout", low=0.0, high=0.5)
BATCH = Space("batch", choices=("16", "32", "64"))


def trials(score, count=300):
    rng = np.random.default_rng(7)
    drawn = zip(rng.random(count), rng.random(count), rng.integers(3, size=count), strict=True)
    rows = [{"lr": 10 ** (4 * a - 4), "dropout": b / 2, "batch": BATCH.choices[c]} for a, b, c in drawn]
    return [(row, score(*(place(space, row[space.key]) for space in (LR, DROPOUT, BATCH)))) for row in rows]


def test_shares_of_an_additive_function():
    """Of 3a + b + c, c of {0, 1, 2}: variances 9/12, 1/12 and 2/3."""
    found = importances([LR, DROPOUT, BATCH], trials(lambda a, b, c: 3 * a + b + c))
    whole = 9 / 12 + 1 / 12 + 2 / 3
    assert [*found] == ["lr", "batch", "dropout"]
    assert found == pytest.approx({"lr": 9 / 12 / whole, "batch": 2 / 3 / whole, "dropout": 1 / 12 / whole}, abs=0.05)


def test_what_acts_together_is_nobody_s_own():
    """(a − ½)(b − ½) has no main effects at all."""
    found = importances([LR, DROPOUT], trials(lambda a, b, c: (a - 0.5) * (b - 0.5)))
    assert max(found.values()) < 0.1


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_say_nothing(count):
    assert importances([LR, DROPOUT, BATCH], trials(lambda a, b, c: a, count)) == {}


def test_scores_that_are_all_alike_say_nothing():
    assert importances([LR], trials(lambda a, b, c: 0.5, 9)) == {}


def test_places_on_each_scale():
    assert place(LR, 1e-2) == pytest.approx(0.5)
    assert place(DROPOUT, 0.125) == 0.25
    assert place(BATCH, "64") == 2
