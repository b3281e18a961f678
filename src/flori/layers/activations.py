"""Activation functions by name, and the initial weights that suit each."""

from __future__ import annotations

from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def initialise(network: nn.Module, activation: str) -> None:
    """Weights of linear and convolutional layers: He for ReLU (2/n_in; He et al. 2015), else Xavier
    (2/(n_in+n_out); Glorot and Bengio 2010); biases zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            if activation == "relu":
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
