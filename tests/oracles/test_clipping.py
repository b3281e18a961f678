"""Gradients scaled down to a norm: g·min(1, θ/‖g‖), Pascanu, Mikolov and Bengio 2013."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.objectives.regression import regression
from flori.training import optimizers
from flori.training.clipping import clip
from flori.training.state import State
from flori.training.updates import descent


def clipped(gradients, limit):
    """The equation, with the norm over all numbers of all gradients together."""
    norm = sum((g**2).sum() for g in gradients) ** 0.5
    return [g * min(1.0, limit / norm) for g in gradients]


def parameters(*shapes):
    torch.manual_seed(0)
    found = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]
    for p in found:
        p.grad = torch.randn_like(p)
    return found


@pytest.mark.parametrize("limit", [1e-9, 0.5, 1.0, 1e3])
def test_equals_the_equation(limit):
    found = parameters((2, 3), (5,), (7, 2, 3))
    expected = clipped([p.grad.numpy().copy() for p in found], limit)
    clip(found, limit)
    for p, g in zip(found, expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-14, atol=0)


def test_a_short_gradient_is_left_bit_for_bit_and_a_zero_one_too():
    found = parameters((3, 2))
    before = found[0].grad.clone()
    norm = clip(found, float(before.norm()) * 1.01)
    assert torch.equal(found[0].grad, before) and float(norm) == pytest.approx(float(before.norm()))
    found[0].grad.zero_()
    clip(found, 1.0)
    assert torch.equal(found[0].grad, torch.zeros(3, 2, dtype=torch.float64))


def test_the_norm_after_it_is_the_limit():
    found = parameters((11, 13), (17,))
    clip(found, 0.25)
    assert float(sum((p.grad**2).sum() for p in found)) ** 0.5 == pytest.approx(0.25, rel=1e-14)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_of_training_is_that_of_the_clipped_gradient(frozen):
    """A frozen layer has no gradient: it neither counts in the norm nor moves."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1), nn.Flatten(0)).double()
    model.heads = ("1",)
    if frozen:
        model[0].requires_grad_(False)
    x, y = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, dtype=torch.float64) * 10
    w1, b1, w2, b2 = (p.detach().numpy().copy() for p in model.parameters())
    h = x.numpy() @ w1.T + b1
    error = ((h @ w2.T + b2)[:, 0] - y.numpy())[:, None] / 7  # of ½·mean of squares
    gradients = [(error @ w2).T @ x.numpy(), (error @ w2).sum(0), error.T @ h, error.sum(0)]
    gradients = clipped(gradients[2:] if frozen else gradients, 0.3)
    expected = [w1, b1] if frozen else [w1 - 0.1 * gradients[0], b1 - 0.1 * gradients[1]]
    expected += [w2 - 0.1 * gradients[-2], b2 - 0.1 * gradients[-1]]
    options = Training(optimizer="sgd", lr=0.1, momentum=0.0, clip=0.3)
    state = State(model, optimizers.build(model, options))
    descent(regression(), options, 1, torch.device("cpu"), "float64")(state, Batch(x, y))
    for p, wanted in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), wanted, rtol=1e-13, atol=1e-15)
