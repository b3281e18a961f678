"""Softmax regression: o = Wx + b, p(class j) = exp(o_j)/Σ_k exp(o_k) (Dive into Deep Learning, section 4.1).

The network gives the logits o; the softmax is part of the loss and of the prediction, where it is stable.
Shapes: inputs [N, …] are flattened to [N, D] → logits [N, K].
"""

from __future__ import annotations

import math

from torch import Tensor, nn


class SoftmaxRegression(nn.Module):
    """Linear in its inputs; a single layer may start at zero, since the loss is convex."""

    heads = ("linear",)

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, …] → logits [N, K]."""
        return self.linear(x.flatten(1))


def softmax_regression(classes: int = 10, shape: tuple[int, ...] = (1, 28, 28)) -> SoftmaxRegression:
    """A softmax regression from inputs of `shape` to `classes` logits."""
    return SoftmaxRegression(math.prod(shape), classes)
