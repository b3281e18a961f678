import math
from itertools import pairwise

import pytest

from flori.reference.schedules import share
from flori.training.schedules import SHAPES, factor

STEPS = 97


@pytest.mark.parametrize("schedule", [*SHAPES, "inverse-square-root"])
@pytest.mark.parametrize(("warmup", "until", "floor"), [(0.0, 1.0, 0.0), (0.2, 0.7, 0.03), (0.1, 0.45, 0.2)])
def test_every_step_is_the_formulas(schedule, warmup, until, floor):
    rising = round((warmup or (0.3 if schedule == "one-cycle" else 0)) * STEPS)
    for k in range(STEPS):
        expected = share(schedule, k, rising, round(until * STEPS), floor)
        assert factor(schedule, k, STEPS, warmup, floor, until) == pytest.approx(expected, abs=1e-14)


def test_linear_decay_is_the_books():
    """ε_k = (1 − α)ε₀ + αε_τ with α = k/τ."""
    for k in range(STEPS):
        alpha = k / STEPS
        assert factor("linear", k, STEPS, floor=0.2) == pytest.approx((1 - alpha) + alpha * 0.2, abs=1e-14)


def test_cosine_halves_in_the_middle():
    assert factor("cosine", 50, 100) == pytest.approx(0.5)
    assert factor("cosine", 25, 100) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))


def test_step_falls_tenfold_at_half_and_three_quarters():
    assert [factor("step", k, 100) for k in (0, 49, 50, 74, 75, 99)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("schedule", SHAPES)
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_rises_in_a_line_reaches_the_top_and_stays_in_bounds(schedule, warmup):
    rates = [factor(schedule, k, STEPS, warmup, 0.05) for k in range(STEPS)]
    assert max(rates) == pytest.approx(1, abs=1e-3)
    assert min(rates) > 0
    rising = round((warmup or (0.3 if schedule == "one-cycle" else 0)) * STEPS)
    gaps = [b - a for a, b in pairwise(rates[:rising])]
    assert all(gap == pytest.approx(1 / (rising + 1)) for gap in gaps)
    assert all(b <= a for a, b in pairwise(rates[rising:]))


def test_one_step_in_all_is_taken_at_the_full_rate():
    assert factor("cosine", 0, 1) == 1
