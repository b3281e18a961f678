"""Gradients scaled down to a norm: g ← g·min(1, θ/‖g‖), with ‖g‖ over all parameters together.

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013; Dive into Deep Learning,
section 9.5. torch's clip_grad_norm_ adds 1e-6 to the norm, which leaves gradients shorter than θ.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from flori.training.sharding import local, whole


def clip(parameters: Iterable[nn.Parameter], most: float) -> Tensor | None:
    """Scale the gradients in place, so that their norm is at most `most` (θ > 0), and give the norm before; None where
    there is no gradient. Parameters without one, as frozen ones are, count for nothing; a gradient that is infinite
    becomes NaN, which the loss of the next step shows."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return None
    norm = whole(torch.nn.utils.get_total_norm(gradients))
    torch._foreach_mul_([local(g) for g in gradients], (most / norm).clamp(max=1))
    return norm
