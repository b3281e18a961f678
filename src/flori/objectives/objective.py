"""What a task wants of a model: named losses of a batch, each a mean over its valid targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from flori.data.batches import Batch


@dataclass(frozen=True)
class Objective:
    """`losses(model, batch)` gives ``{"loss": …, named parts}``; `count(batch)` says how many targets the
    means are over, so that parts of a batch add up to the mean over the whole."""

    losses: Callable[[nn.Module, Batch], dict[str, Tensor]]
    count: Callable[[Batch], int]
