"""Batch norm with what follows it in a block: the sum with a shortcut, and ReLU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def norm_relu(norm: nn.BatchNorm2d, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
    """relu(norm(x) + shortcut), [N, C, H, W] → the same."""
    y = norm(x)
    return F.relu(y if shortcut is None else y.add_(shortcut), inplace=True)
