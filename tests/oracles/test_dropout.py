"""Dropout: numbers are 0 or 1/(1 − p) times as large, each by a draw of its own."""

from __future__ import annotations

import math

import pytest
import torch

from flori.layers.dropout import Dropout, dropout, mask

TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("p", [0.003, 0.1, 0.5, 0.97])
def test_as_many_are_dropped_as_p_says(dtype: torch.dtype, p: float) -> None:
    torch.manual_seed(3)
    found = mask(torch.zeros(331, 997, dtype=dtype), p)
    assert found.dtype == dtype
    assert set(found.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p), dtype=dtype).item()}
    deviation = math.sqrt(p * (1 - p) / found.numel())
    assert abs((found == 0).double().mean().item() - p) < 4 * deviation + 2**-16


def test_neighbours_are_independent() -> None:
    torch.manual_seed(5)
    kept = (mask(torch.zeros(400_009, dtype=torch.bfloat16), 0.5) != 0).double()
    for apart in range(1, 9):
        covariance = (kept[apart:] * kept[:-apart]).mean() - kept.mean() ** 2
        assert abs(covariance.item()) < 4 * 0.25 / math.sqrt(len(kept))


@pytest.mark.parametrize("size", [0, 1, 3, 5, 7])
def test_few_numbers(size: int) -> None:
    assert dropout(torch.ones(size), 0.5).shape == (size,)


def test_a_share_too_small_to_draw_drops_nothing() -> None:
    assert mask(torch.zeros(101, dtype=torch.bfloat16), 1e-6).eq(1).all()


def test_the_gradient_goes_where_the_numbers_went() -> None:
    x = torch.randn(17, 13, dtype=torch.float64, requires_grad=True)
    y = Dropout(0.3)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope * x, y)


def test_nothing_happens_in_evaluation() -> None:
    x = torch.randn(7, 5)
    assert Dropout(0.9).eval()(x) is x
    assert dropout(x, 0.0) is x or dropout(x, 0.0).equal(x)


def test_it_is_a_function_of_torchs_generator() -> None:
    x, drawn = torch.ones(10_007), []
    for seed in (11, 11, 12):
        torch.manual_seed(seed)
        drawn.append(dropout(x, 0.4))
    assert drawn[0].equal(drawn[1]) and not drawn[0].equal(drawn[2])
