"""A network over a few steps: what its layers put out, what gradients reach them, and how far their weights move.

What these numbers mean is judged by `flori.evaluation.health`. A state that is examined has moved on afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from flori.core import seeds
from flori.objectives.objective import Objective
from flori.training.relation import Relation, gradient_relation, loss_relation
from flori.training.state import State
from flori.training.updates import Update
from flori.training.watching import Seen, matrices, squared_norm, watching

ENOUGH = 256  # targets that shares and means are taken over, at least
MOST = 4  # batches for them, at most
RELATED, MOST_RELATED = 1024, 8  # the same for the relation between inputs and targets
ALIKE = 1e-3  # difference of weights, as a share of the largest, that rounding may make
CONVINCED = 0.01  # p of a relation between inputs and targets that is believed


@dataclass(frozen=True)
class Layer:
    """One layer with weights; None is what was not seen.

    `size` and `spread` are root mean square and standard deviation of its outputs, `gradient` the norm of the loss's
    gradient with respect to them, `dead` and `saturated` shares of what is activated after it, `weight` and
    `weight_gradient` root mean squares, `update` the typical change of a step as a share of the weights; `alike` is
    whether all units have the same weights, `learns` whether any weight takes a gradient, `loaded` whether its
    weights come from elsewhere.
    """

    name: str
    kind: str
    parameters: int
    size: float | None
    spread: float | None
    gradient: float | None
    dead: float | None
    saturated: float | None
    weight: float
    weight_gradient: float | None
    alike: bool
    learns: bool
    loaded: bool
    head: bool
    update: float | None = None


@dataclass(frozen=True)
class Examination:
    """All that was measured: the layers before the steps and after them, the loss of each step, and the rest."""

    start: list[Layer]
    end: list[Layer]
    losses: list[float]
    inputs: list[float]  # the typical magnitude of each feature or channel; [] of tokens
    halves: float | None  # the loss of a batch as a multiple of the mean of its halves' losses
    held_out: Relation | None  # of the loss after the steps
    at_start: Relation | None  # of the gradient before them; measured only where `held_out` shows nothing
    steps: int  # of a whole run
    trained: bool = False


def examine(
    state: State,
    objective: Objective[Any],
    update: Update | None,
    batches: Sequence[Any],
    held_out: Sequence[Any] = (),
    *,
    steps: int = 0,
    loaded: Collection[str] = (),
    trained: bool = False,
    seed: int = 0,
    tell: Callable[[int], None] = lambda done: None,
) -> Examination:
    """Measure, take a step on each batch, and measure again.

    Args:
        update: changes the state by one batch, None to change nothing.
        batches: what is learnt from, one a step; held_out: of the same kind, never learnt from.
        steps: how many a whole run would take.
        loaded: names of parameters that come from elsewhere; trained: whether all do.
        tell: called with the number of each step done.
    """
    some = enough(batches)
    state.learn()
    begun = {name: t.clone() for name, t in state.model.state_dict().items()}
    start = measure(state, objective, some, loaded, seed)
    halves = _halves(state.model, objective, some[0])
    losses, moved = _descend(state, update, batches, seed, tell)
    end = measure(state, objective, some, loaded, seed) if losses else start
    relation, at_start = None, None
    if held_out and all(map(math.isfinite, losses)):
        relation = loss_relation(state.model.eval(), objective, _to_relate(held_out), seed)
        if relation.p > CONVINCED and not trained:
            state.model.load_state_dict(begun)
            state.learn()
            with seeds.scope(seed, "relation"):
                at_start = gradient_relation(state.model, objective, _to_relate(batches), seed)
    end = [replace(layer, update=moved.get(layer.name)) for layer in end]
    return Examination(start, end, losses, _inputs(some), halves, relation, at_start, steps, trained)


def enough(batches: Sequence[Any], targets: int = ENOUGH, most: int = MOST) -> list[Any]:
    """The first batches that together have so many targets, at most `most` of them."""
    found: list[Any] = []
    for batch in batches[:most]:
        found.append(batch)
        if sum(one.count() for one in found) >= targets:
            break
    return found


def _to_relate(batches: Sequence[Any]) -> list[Any]:
    return [_piece(batch) for batch in enough(batches, RELATED, MOST_RELATED)]


def _piece(batch: Any) -> Any:
    """At most about two thousand targets of a batch: enough to tell a relation from chance."""
    return batch.divided(max(1, batch.count() // 2048))[0]


def measure(
    state: State, objective: Objective[Any], batches: Sequence[Any], loaded: Collection[str] = (), seed: int = 0
) -> list[Layer]:
    """The layers over some batches, in training mode; nothing is changed."""
    model = state.model
    learning = [p for p in model.parameters() if p.requires_grad]
    total: list[Tensor | None] = [None] * len(learning)
    with _left_alone(model), watching(model) as watch, seeds.scope(seed, "measure"):
        for batch in batches:
            loss = objective.losses(model, batch)["loss"] / len(batches)
            for i, found in enumerate(torch.autograd.grad(loss, learning, allow_unused=True)):
                before = total[i]
                total[i] = found if before is None or found is None else before + found
    gradients = {id(p): g for p, g in zip(learning, total, strict=True)}
    layers = matrices(model)
    return [_layer(model, name, layers[name], seen, gradients, loaded) for name, seen in watch.layers.items()]


@contextmanager
def _left_alone(model: nn.Module) -> Iterator[None]:
    """Put back the buffers, such as the running statistics of batch norm."""
    before = {name: t.clone() for name, t in model.named_buffers()}
    try:
        yield
    finally:
        for name, t in model.named_buffers():
            t.copy_(before[name])


def _layer(
    model: nn.Module,
    name: str,
    weights: dict[str, nn.Parameter],
    seen: Seen,
    gradients: dict[int, Tensor | None],
    loaded: Collection[str],
) -> Layer:
    module = model.get_submodule(name if name in dict(model.named_modules()) else name.rpartition(".")[0])
    found = [g for p in weights.values() if (g := gradients.get(id(p))) is not None]
    return Layer(
        name=name or type(module).__name__,
        kind=type(module).__name__,
        parameters=sum(p.numel() for p in weights.values()),
        size=seen.size,
        spread=seen.spread,
        gradient=seen.gradient,
        dead=seen.dead,
        saturated=seen.saturated,
        weight=root_mean_square([*weights.values()]),
        weight_gradient=root_mean_square(found) if found else None,
        alike=not isinstance(module, nn.Embedding | nn.RNNBase) and any(map(alike, weights.values())),
        learns=any(p.requires_grad for p in weights.values()),
        loaded=any(one in loaded for one in weights),
        head=any(name == head or name.startswith(f"{head}.") for head in getattr(model, "heads", ())),
    )


def root_mean_square(tensors: Sequence[Tensor]) -> float:
    """The root of the mean square of all numbers of some tensors."""
    return math.sqrt(sum(map(squared_norm, tensors)) / max(1, sum(t.numel() for t in tensors)))


def alike(weight: Tensor) -> bool:
    """Whether every unit has the same weights as every other: then they stay alike for ever."""
    rows = weight.detach().flatten(1) if weight.dim() > 1 else weight[None]
    return len(rows) > 1 and bool((rows - rows[0]).abs().max() <= ALIKE * rows.abs().max())


def _descend(
    state: State, update: Update | None, batches: Sequence[Any], seed: int, tell: Callable[[int], None]
) -> tuple[list[float], dict[str, float]]:
    """The loss of each step, and by layer the median of how far a step moves the weights, as a share of them. The
    first step is left out: from a start of zero it is no measure. Ends at a loss that is no number."""
    losses: list[float] = []
    moved: dict[str, list[float]] = {}
    layers = matrices(state.model)
    for number, batch in enumerate(batches if update is not None else ()):
        before = {name: [p.detach().clone() for p in weights.values()] for name, weights in layers.items()}
        with seeds.scope(seed, "step", state.step, 0):
            losses.append(float(update(state, batch)))  # type: ignore[misc]
        state.step += 1
        for name, weights in layers.items():
            change = root_mean_square([p - old for p, old in zip(weights.values(), before[name], strict=True)])
            moved.setdefault(name, []).append(change / (root_mean_square([*weights.values()]) or math.inf))
        tell(number + 1)
        if not math.isfinite(losses[-1]):
            break
    return losses, {name: median(shares[1:] or shares) for name, shares in moved.items()}


def _halves(model: nn.Module, objective: Objective[Any], batch: Any) -> float | None:
    """The loss of a batch over the mean of its halves' losses: 1 for a mean over targets, 2 for a sum."""
    parts = batch.divided(2)
    if len(parts) < 2:
        return None
    kept = [(module, module.training) for module in model.modules()]
    with torch.no_grad():
        model.eval()
        whole, *losses = (float(objective.losses(model, one)["loss"]) for one in (batch, *parts))
    for module, training in kept:
        module.training = training
    counts = [objective.count(part) for part in parts]
    mean = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / max(1, sum(counts))
    return whole / mean if mean > 0 and math.isfinite(whole / mean) else None


def _inputs(batches: Sequence[Any]) -> list[float]:
    """The typical magnitude of each feature of [N, D], the median over examples; of each channel of [N, C, H, W] its
    root mean square."""
    if not batches[0].inputs.is_floating_point():
        return []
    inputs = torch.cat([batch.inputs for batch in batches]).double()
    if inputs.dim() == 2:
        return inputs.abs().median(0).values.tolist()
    return inputs.transpose(0, 1).flatten(1).square().mean(1).sqrt().tolist()
