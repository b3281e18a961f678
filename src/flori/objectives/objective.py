"""What a task wants of a model: named losses of a batch, each a mean over its valid targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

Some = TypeVar("Some")


@dataclass(frozen=True)
class Objective(Generic[Some]):
    """For one kind of batch, `losses(model, batch)` gives ``{"loss": …, named parts}``; `count(batch)` says how many
    targets the means are over, so that parts of a batch add up to the mean over the whole. Where a state goes on from
    batch to batch, `carried(model, batch, memory)` gives the losses and the memory after them."""

    losses: Callable[[nn.Module, Some], dict[str, Tensor]]
    count: Callable[[Some], int]
    carried: Callable[[nn.Module, Some, Any], tuple[dict[str, Tensor], Any]] | None = None
