"""Whether targets have anything to do with inputs: tests by permutation (Fisher 1935; Good 2005).

Were the targets dealt out at random, dealing them out anew would change nothing: the true statistic would be one of
many alike, and be the best of n + 1 in one case of n + 1, whatever the network. That holds exactly for weights
that have not seen these targets: for any weights on examples held out, and for initial weights on all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flori.core import seeds
from flori.data.sequences import IGNORED
from flori.objectives.objective import Objective
from flori.training.heads import in_head
from flori.training.watching import squared_norm

DEALS = 99  # dealings out to compare with
CENTRE = 20  # more of them, for what all have in common


@dataclass(frozen=True)
class Relation:
    """A statistic of the true targets, its mean over dealt ones, the share of all n + 1 that are as good as the true
    one (p), and the number of targets."""

    true: float
    dealt: float
    p: float
    targets: int


def loss_relation(model: nn.Module, objective: Objective[Any], batches: Sequence[Any], seed: int = 0) -> Relation:
    """Whether the loss of examples that were held out is lower for their true targets than for dealt ones."""
    with torch.no_grad():
        recalled = [_recalled(model, objective, batch) for batch in batches]

        def loss(deal: int | None) -> float:
            return sum(float(one(deal, seed)) * float(objective.count(b)) for one, b in recalled)

        true, dealt = loss(None), [loss(deal) for deal in range(DEALS)]
    targets = sum(objective.count(batch) for batch in batches)
    return _compared(true / targets, [one / targets for one in dealt], targets, lower_is_better=True)


def gradient_relation(model: nn.Module, objective: Objective[Any], batches: Sequence[Any], seed: int = 0) -> Relation:
    """Whether the gradient at initial weights is further for true targets than for dealt ones from what all deals have
    in common: whether examples agree on where to go by more than they would whatever their targets.

    It is that of the heads where the network names them: what goes into them is the same for all deals. The common
    part is the mean over deals of its own; without it the rest would drown where classes are uneven.
    """
    learning = _outermost(model)
    with _alone(model, learning):
        recalled = [_recalled(model, objective, batch) for batch in batches]

    def gradient(deal: int | None) -> list[Tensor]:
        loss = torch.stack([one(deal, seed) * objective.count(batch) for one, batch in recalled]).sum()
        found = torch.autograd.grad(loss, learning, retain_graph=True, allow_unused=True)
        return [g for g in found if g is not None]

    common = [torch.zeros_like(g) for g in gradient(None)]
    for deal in range(DEALS, DEALS + CENTRE):
        for total, g in zip(common, gradient(deal), strict=True):
            total += g / CENTRE

    def distance(deal: int | None) -> float:
        pairs = zip(gradient(deal), common, strict=True)
        return sum(squared_norm(g - mean) for g, mean in pairs) ** 0.5

    targets = sum(objective.count(batch) for batch in batches)
    return _compared(distance(None), [distance(deal) for deal in range(DEALS)], targets, False)


def _outermost(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of the heads that learn; all that learn where no head is named."""
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    heads = [p for name, p in learning.items() if hasattr(model, "heads") and in_head(model, name)]
    return heads or [*learning.values()]


@contextmanager
def _alone(model: nn.Module, chosen: list[nn.Parameter]) -> Iterator[None]:
    """Only these parameters take a gradient, so that nothing is kept for others."""
    others = [p for p in model.parameters() if p.requires_grad and all(p is not one for one in chosen)]
    for p in others:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in others:
            p.requires_grad_(True)


def together(*relations: Relation | None) -> float:
    """The p of two independent tests together (Fisher's method; χ² of four degrees of freedom); of one its own."""
    found = [relation.p for relation in relations if relation is not None]
    if len(found) < 2:
        return found[0] if found else 0.0
    product = found[0] * found[1]
    return product * (1 - math.log(product))


def _compared(true: float, dealt: list[float], targets: int, lower_is_better: bool) -> Relation:
    as_good = sum((other <= true) if lower_is_better else (other >= true) for other in dealt)
    return Relation(true, sum(dealt) / len(dealt), (1 + as_good) / (1 + len(dealt)), targets)


def _recalled(
    model: nn.Module, objective: Objective[Any], batch: Any
) -> tuple[Callable[[int | None, int], Tensor], Any]:
    """The loss of a batch as a function of the deal of its targets (None: as they are), and the batch. The network runs
    once: what it says does not depend on them."""
    said: list[Any] = []

    def listen(module: nn.Module, inputs: Any, output: Any) -> None:
        said.append(output)

    with model.register_forward_hook(listen):
        objective.losses(model, batch)
    memory = _Recalling(said[-1], getattr(model, "auxiliary_weight", 0.0))

    def loss(deal: int | None, seed: int) -> Tensor:
        return objective.losses(memory, batch if deal is None else dealt_out(batch, seed, deal))["loss"]

    return loss, batch


class _Recalling(nn.Module):
    """Says again what a network said."""

    def __init__(self, said: Any, auxiliary_weight: float) -> None:
        super().__init__()
        self.said, self.auxiliary_weight = said, auxiliary_weight

    def forward(self, *inputs: Any) -> Any:
        """What was said, whatever is asked."""
        return self.said


def dealt_out(batch: Any, seed: int, deal: int) -> Any:
    """The batch with its valid targets dealt out anew among its examples, with what goes with them."""
    targets = batch.targets
    valid = torch.nonzero((targets != IGNORED).flatten()).flatten() if not targets.is_floating_point() else None
    count = targets.numel() if valid is None else len(valid)
    order = torch.randperm(count, generator=seeds.generator(seed, "deal", deal)).to(targets.device)
    if valid is None or count == targets.numel():
        columns = [name for name in ("targets", "others", "shares") if getattr(batch, name, None) is not None]
        moved = {name: _dealt(getattr(batch, name), order) for name in columns}
    else:
        flat = targets.flatten().clone()
        flat[valid] = flat[valid[order]]
        moved = {"targets": flat.view_as(targets)}
    return dataclasses.replace(batch, **moved)


def _dealt(column: Tensor, order: Tensor) -> Tensor:
    return column.flatten()[order].view_as(column)
