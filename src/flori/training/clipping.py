"""Gradients scaled down where they are too long: g ← g·min(1, θ/‖g‖)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def clip(parameters: Iterable[nn.Parameter], most: float) -> Tensor | None:
    """Scale all gradients by one number, so that ‖g‖₂ over all of them together is at most `most` (θ > 0).

    The norm before, a number on their device, or None where there is no gradient: parameters that do not learn have
    none. torch's own function divides by ‖g‖ + 10⁻⁶, which is not quite the formula.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return None
    norm = torch.nn.utils.get_total_norm(gradients)
    torch._foreach_mul_(gradients, (most / norm).clamp(max=1.0))
    return norm
