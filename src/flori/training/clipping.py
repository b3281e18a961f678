"""Gradients scaled down to a norm: g ← g·min(1, θ/‖g‖), with ‖g‖ over all parameters together.

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013; Dive into Deep Learning,
section 9.5. torch's clip_grad_norm_ adds 1e-6 to the norm, which leaves gradients shorter than θ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from flori.training.sharding import is_sharded, local


def clip(parameters: Iterable[nn.Parameter], most: float, length: Tensor | None = None) -> Tensor | None:
    """Scale the gradients in place, so that their norm is at most `most` (θ > 0), and give the norm before; None where
    there is no gradient. Parameters without one, as frozen ones are, count for nothing; a gradient that is infinite
    becomes NaN, which the loss of the next step shows.

    Args:
        length: the norm, where it is known: these may be some of the parameters only.
    """
    learning = [*parameters]
    length = gradient_norm(learning) if length is None else length
    if length is not None:
        gradients = [local(p.grad) for p in learning if p.grad is not None]
        torch._foreach_mul_(gradients, (most / length).clamp(max=1))
    return length


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor | None:
    """That of all gradients together, of shares on all ranks; None where there is none."""
    alike: dict[Any, list[Tensor]] = defaultdict(list)
    for p in parameters:
        if p.grad is not None:
            alike[_places(p.grad)].append(p.grad)
    lengths = [_length(gradients) for gradients in alike.values()]
    if len(lengths) < 2:
        return lengths[0] if lengths else None
    return torch.nn.utils.get_total_norm(lengths)


def _places(gradient: Tensor) -> Any:
    """Where its shares are."""
    return (gradient.device_mesh, gradient.placements) if is_sharded(gradient) else None  # type: ignore[attr-defined]


def _length(gradients: list[Tensor]) -> Tensor:
    """The norm of those whose shares are in the same places."""
    own = torch.nn.utils.get_total_norm([local(g) for g in gradients])
    if not is_sharded(gradients[0]):
        return own
    from torch.distributed.tensor import DTensor, Partial, Replicate

    mesh, placements = _places(gradients[0])
    summed = [Replicate() if place.is_replicate() else Partial() for place in placements]
    return DTensor.from_local(own.square(), mesh, summed, run_check=False).full_tensor().sqrt()
