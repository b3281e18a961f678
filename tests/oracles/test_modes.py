"""Forward and reverse mode: the same gradient for every system, and costs that grow as they should."""

import pytest
import torch
from tests.oracles.systems import small
from torch import nn

from flori import models
from flori.training.ledger import Ledger
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


def operations(work):
    """How many operations it takes: what time goes by, but the same on a machine that is busy."""
    ledger = Ledger()
    with ledger.kept():
        work()
    return ledger.moment


def test_work_grows_with_inputs_in_forward_mode_and_with_outputs_in_reverse_mode():
    function = chain(20)
    y = function(function.weights)
    rows = [torch.nn.functional.one_hot(torch.tensor(i), len(y)).double() for i in range(16)]
    columns = [function.one_weight(i) for i in range(16)]
    one = operations(lambda: function.forward(columns[0]))
    assert operations(lambda: [function.forward(v) for v in columns]) == 16 * one
    there, back = operations(lambda: function(function.weights)), operations(lambda: list(function.reverses(rows[:1])))
    many = operations(lambda: list(function.reverses(rows)))
    assert many - back == pytest.approx(15 * (back - there), rel=0.2)
    assert one < 10 * there and back < 10 * there  # whichever mode: one direction costs a few passes


def test_times_are_told_for_every_count():
    found = costs(chain(2))
    assert found.counts == [1, 2, 4, 8, 16]
    for times in (found.by_inputs, found.by_outputs):
        assert all(len(times[mode]) == 5 and min(times[mode]) > 0 for mode in ("forward", "reverse"))


def test_one_weight_is_a_column():
    function = Differentiable(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), (torch.randn(5, 2),))
    gradient = torch.cat([g.flatten() for g in function.reverse(torch.ones(5, dtype=torch.float64))])
    columns = torch.stack([function.forward(function.one_weight(i)).sum() for i in range(13)])
    torch.testing.assert_close(columns, gradient, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="too few"):
        function.one_weight(13)
