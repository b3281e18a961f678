"""Initial weights have the variance that their rule says, and activations and gradients keep theirs."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from flori import models
from flori.layers.activations import RULES, initialise

IN, OUT = 211, 307
VARIANCE = {
    "normal": 0.01**2,
    "xavier-normal": 2 / (IN + OUT),
    "xavier-uniform": 2 / (IN + OUT),
    "he-normal": 2 / IN,
    "he-uniform": 2 / IN,
    "zero": 0.0,
}
KURTOSIS = {"normal": 3.0, "uniform": 1.8}  # E[w⁴]/E[w²]²


def test_every_rule_has_its_variance_here():
    assert VARIANCE.keys() == RULES.keys()


@pytest.mark.parametrize("rule", VARIANCE)
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_variance_and_shape_of_the_distribution(rule, gain):
    """Over n = 64,777 weights; the bounds are five standard errors: of the variance σ²·√((κ − 1)/n) with kurtosis κ."""
    torch.manual_seed(0)
    model = models.mlp(OUT, (IN,), hidden=(), initialisation=rule, gain=gain)
    w, n = model.layers[0].weight.detach().double().flatten(), IN * OUT
    expected = VARIANCE[rule] * gain**2
    kurtosis = KURTOSIS["uniform" if rule.endswith("uniform") else "normal"]
    assert abs(float(w.var()) - expected) <= 5 * expected * math.sqrt((kurtosis - 1) / n)
    assert abs(float(w.mean())) <= 5 * math.sqrt(expected / n)
    if expected:
        assert float((w**4).mean() / (w**2).mean() ** 2) == pytest.approx(kurtosis, rel=0.05)
    assert torch.equal(model.layers[0].bias, torch.zeros(OUT))


@pytest.mark.parametrize("rule", ["xavier-normal", "xavier-uniform", "he-normal", "he-uniform"])
def test_a_convolution_counts_its_kernel(rule):
    """n_in = channels in · k², n_out = channels out · k²."""
    torch.manual_seed(0)
    layer = nn.Conv2d(13, 53, 7)
    initialise(layer, "relu", rule)
    inputs, outputs = 13 * 49, 53 * 49
    expected = 2 / inputs if rule.startswith("he") else 2 / (inputs + outputs)
    assert float(layer.weight.detach().double().var()) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("activation", "uniform"), [("relu", 2 / IN), ("tanh", 2 / (IN + OUT))])
def test_auto_suits_the_activation(activation, uniform):
    torch.manual_seed(0)
    model = models.mlp(7, (IN,), hidden=(OUT,), activation=activation)
    assert float(model.layers[0].weight.detach().double().var()) == pytest.approx(uniform, rel=0.03)


def spread(rule, activation, width=256, depth=20):
    """Size of the last hidden outputs as a multiple of the inputs', and of the first gradient of the last one's."""
    torch.manual_seed(0)
    model = models.mlp(width, (width,), hidden=(width,) * depth, activation=activation, initialisation=rule)
    x = torch.randn(128, width, requires_grad=True)
    out = model(x)
    g = torch.randn_like(out)
    (back,) = torch.autograd.grad(out, x, g)
    return float(out.detach().norm() / x.detach().norm()), float(back.norm() / g.norm())


def test_he_keeps_activations_and_gradients_of_relu():
    forward, back = spread("he-normal", "relu")
    assert 0.3 < forward < 3 and 0.3 < back < 3


def test_xavier_halves_the_squares_of_relu_in_each_layer():
    """Of 20 relus each leaves half of the mean square: 2^(−20/2), and as much of the gradient."""
    forward, back = spread("xavier-normal", "relu")
    assert 2**-10 / 3 < forward < 2**-10 * 3 and 2**-10 / 3 < back < 2**-10 * 3


def test_small_normal_weights_lose_everything():
    """0.01·√256 = 0.16 a layer, and √½ of it after a relu."""
    forward, _ = spread("normal", "relu")
    assert 1 / 3 < forward / (0.16 * (0.16 / math.sqrt(2)) ** 20) < 3


def test_layers_repeat_the_last_width():
    widths = [layer.out_features for layer in models.mlp(3, (5,), hidden=(7, 11), layers=4).layers[::2]]
    assert widths == [7, 11, 11, 11, 3]
    with pytest.raises(ValueError, match=r"model\.layers=1"):
        models.mlp(3, (5,), hidden=(7, 11), layers=1)
