"""Forward and reverse mode: the same gradient for every system, and costs that grow as they should."""

import pytest
import torch
from tests.oracles.systems import small
from torch import nn

from flori import models
from flori.training.modes import Differentiable, costs


@pytest.mark.parametrize("system", [system for system in models.BUILDERS if system != "ngram"])
def test_both_modes_agree(system):
    """uᵀ(J·v) = (uᵀ·J)v for u and v at random, in float64."""
    function = Differentiable(*small(system))
    v = tuple(torch.randn_like(w) for w in function.weights)
    u = torch.randn_like(function(function.weights))
    forward, reverse = u @ function.forward(v), function.reverse(u)
    backward = sum((g * d).sum() for g, d in zip(reverse, v, strict=True))
    assert float(forward) == pytest.approx(float(backward), rel=1e-9)
    assert abs(float(forward)) > 1e-3


def chain(depth):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(31, 31), nn.Tanh())]
    return Differentiable(nn.Sequential(*layers), (torch.randn(211, 31),))


def test_memory_of_reverse_mode_grows_with_depth_and_that_of_forward_mode_does_not():
    shallow, deep = costs(chain(5)), costs(chain(20))
    layer = 211 * 31 * 8  # bytes of what a layer puts out
    assert deep.peak("forward") <= shallow.peak("forward") + layer
    # Reverse mode: of each layer more the tanh that the next one multiplies by.
    assert deep.peak("reverse") - shallow.peak("reverse") == pytest.approx(15 * layer, rel=0.1)
    assert deep.held("reverse") == sorted(deep.held("reverse"))


def test_time_grows_with_inputs_in_forward_mode_and_with_outputs_in_reverse_mode():
    found = costs(chain(20))
    assert found.counts == [1, 2, 4, 8, 16]
    assert found.by_inputs["forward"][-1] > 6 * found.by_inputs["forward"][0]
    assert found.by_outputs["reverse"][-1] > 4 * found.by_outputs["reverse"][0]
    assert found.by_inputs["reverse"][-1] < 4 * found.by_inputs["reverse"][0]
    assert found.by_outputs["forward"][-1] < 4 * found.by_outputs["forward"][0]


def test_one_weight_is_a_column():
    function = Differentiable(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), (torch.randn(5, 2),))
    gradient = torch.cat([g.flatten() for g in function.reverse(torch.ones(5, dtype=torch.float64))])
    columns = torch.stack([function.forward(function.one_weight(i)).sum() for i in range(13)])
    torch.testing.assert_close(columns, gradient, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="too few"):
        function.one_weight(13)
