"""Linear regression: ŷ = ⟨w, x⟩ + b (Dive into Deep Learning, section 3.1).

Shapes: inputs [N, D] (or pictures [N, C, H, W], flattened) → [N].
"""

from __future__ import annotations

import math

from torch import Tensor, nn


class LinearRegression(nn.Module):
    """One weight a feature and a bias; they start at zero, from where gradient descent on rank-deficient
    data reaches the solution of least norm."""

    heads = ("linear",)

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, D] → [N]."""
        return self.linear(x.flatten(1)).squeeze(1)


def linear_regression(outputs: int = 1, shape: tuple[int, ...] = (1,)) -> LinearRegression:
    """A linear regression on inputs of `shape`. Raises ValueError for more than one output."""
    if outputs != 1:
        raise ValueError(f"linear regression predicts one number, not {outputs}")
    return LinearRegression(math.prod(shape))
