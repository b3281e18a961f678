"""Perceptron: the class whose ⟨w_k, x⟩ + b_k is largest (Rosenblatt 1958; Duda and Hart 1973 for more than two).

Of two classes w₁ is Rosenblatt's w, and w₀ = −w. Scores are no logarithms of probabilities: only their order counts.
Shapes: inputs [N, …] are flattened to [N, D] → scores [N, K].
"""

from __future__ import annotations

import math

from torch import Tensor, nn


class Perceptron(nn.Module):
    """Linear in its inputs, from zero weights on: so begun, the number of its mistakes is bounded."""

    heads = ("linear",)

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, …] → scores [N, K]."""
        return self.linear(x.flatten(1))


def perceptron(classes: int = 10, shape: tuple[int, ...] = (1, 28, 28)) -> Perceptron:
    """A perceptron from inputs of `shape` to scores of `classes`."""
    return Perceptron(math.prod(shape), classes)
