"""The pictures of a search: what is far out is said to be, and a score that is no number hides nothing."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from flori.tuning import pictures
from flori.tuning.outcome import Outcome, Trial
from flori.tuning.spaces import Space

SPACES = (Space("lr", low=0.0, high=1.0),)
SCORES = [0.90, 0.91, 0.92, 0.93, 0.1]


def outcome(scores: list[float], states: dict[int, str]) -> Outcome:
    trials = tuple(
        Trial(i, states.get(i, "complete"), score, (f"lr=0.{i}",), {"lr": i / 10}, 1.0, f"trial-{i}", "here", "")
        for i, score in enumerate(scores, 1)
    )
    plan: Any = SimpleNamespace(spaces=SPACES, higher=True, score="accuracy", trials=len(scores))
    return Outcome(plan, trials, trials[0], trials[0], {})


def written(figure: Any) -> list[str]:
    axis = figure.axes[0]
    return [text.get_text() for text in axis.texts] + [axis.get_title(loc="left")]


def test_an_end_beyond_which_scores_lie_says_so() -> None:
    found = outcome(SCORES, {})
    assert "≤ 0.9" in written(pictures.parallel(found)) and "0.93" in written(pictures.parallel(found))
    assert "valid accuracy; farther out at the edge: 0.1" in written(pictures.history(found))
    near = outcome(SCORES[:4], {})
    assert "0.9" in written(pictures.parallel(near)) and "valid accuracy" in written(pictures.history(near))


@pytest.mark.parametrize("score", [math.inf, math.nan])
@pytest.mark.parametrize("state", ["pruned", "failed"])
def test_a_trial_without_a_finite_score_is_left_out(score: float, state: str) -> None:
    found = outcome([*SCORES[:4], score], {5: state})
    axis = pictures.history(found).axes[0]
    assert axis.get_ylim() == pytest.approx((0.8985, 0.9315)) and len(axis.collections[0].get_offsets()) == 4
    assert len(axis.collections) == 1
