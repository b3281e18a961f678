"""Activation functions by name, and the initial weights that suit each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": partial(nn.init.normal_, std=0.01),
    "xavier-normal": nn.init.xavier_normal_,
    "xavier-uniform": nn.init.xavier_uniform_,
    "he-normal": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "he-uniform": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "zero": nn.init.zeros_,
}
"""Initial weights by name, with their variance: normal 0.01²; Xavier 2/(n_in + n_out) (Glorot and Bengio 2010); He
2/n_in (He et al. 2015); zero, from which the units of a layer never come apart."""


def initialise(network: nn.Module, activation: str, rule: str = "auto", gain: float = 1.0) -> None:
    """Weights of linear and convolutional layers by a rule, times a gain; biases zero. auto: He for ReLU, else Xavier,
    both uniform."""
    if rule == "auto":
        rule = "he-uniform" if activation == "relu" else "xavier-uniform"
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            RULES[rule](layer.weight)
            if gain != 1:
                with torch.no_grad():
                    layer.weight *= gain
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
