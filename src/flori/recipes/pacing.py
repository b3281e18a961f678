"""What a training step takes here, part by part, on the share of a batch that each of several workers would have."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from flori.core import seeds
from flori.core.errors import UserError
from flori.core.ranks import Ranks
from flori.core.recipe import Recipe, replace
from flori.data.shares import Share
from flori.models.shapes import layers
from flori.recipes.assembly import Assembly
from flori.recipes.scaling import Job, Layer, Pace

FIRST_BUCKET, BUCKET = 1 << 20, 25 << 20  # bytes, as torch's DistributedDataParallel fills them
WARM_UP, ROUNDS = 2, 3
FEWEST, MOST = 2, 100  # steps of a round


def unmoved(recipe: Recipe) -> Recipe:
    """The recipe at a learning rate of 0: its steps take as long, however many are taken."""
    heads = {} if recipe.training.lr_head is None else {"training.lr_head": 0.0}
    return replace(recipe, {"training.lr": 0.0, **heads})


def must_be_shared(run: Assembly) -> None:
    """Refuse what workers do not share. Raises UserError."""
    if run.state.optimizer is None:
        rule = run.recipe.training.optimizer
        raise UserError(f"--scale: {run.recipe.system} by optimizer={rule} takes no steps of gradients to share")


def measured(
    run: Assembly, counts: Sequence[int], seconds: float, told: Callable[[str], None] = lambda what: None
) -> Job:
    """A step of the run (which is `unmoved`) by the number of workers that share its batch: rounds of about so many
    seconds in all, whose median counts. Rounds take turns, so that a machine that slows down slows all."""
    must_be_shared(run)
    found: dict[int, list[_Seen]] = {number: [] for number in counts}
    each = seconds / (ROUNDS * len(counts))
    for turn in range(1, ROUNDS + 1):
        told(f"a step on the shares of {', '.join(map(str, counts))} workers, round {turn} of {ROUNDS}")
        for number in counts:
            found[number].append(_Watch(run).round(shared_batches(run, number), each))
    order = _buckets(run.state.model, found[1][0].ready)
    paces = {number: _pace(seen, order) for number, seen in found.items()}
    sizes = tuple(sum(p.numel() * p.element_size() for p in bucket) for bucket in order)
    targets = max(batch.total() for batch in islice(shared_batches(run, 1), WARM_UP))
    return Job(_batch(run), targets, paces, sizes, _small(run), _layers(run))


def shared_batches(run: Assembly, workers: int, rank: int = 0) -> Iterator[Any]:
    """Whole batches without end, of which one of so many workers has its share."""
    options = run.recipe.training
    share = Share(Ranks(rank, workers), options.accumulate)
    dtype = next(run.state.model.parameters()).dtype
    batches = run.codec.batches(
        run.data.parts["train"], _batch(run), run.device, dtype, run.recipe.seed, run.recipe.data, share
    )
    whole = 0
    for epoch in count():
        for batch in batches.epoch(epoch):
            whole = max(whole, batch.total())
            if batch.total() == whole:
                yield batch


def step(run: Assembly, batch: Any) -> None:
    """One update, as the loop makes it."""
    run.state.learn()
    with seeds.scope(run.recipe.seed, "step", run.state.step):
        run.update(run.state, batch)
    run.state.step += 1


@dataclass
class _Seen:
    """Sums of seconds over some steps; `ready` by parameter, seconds before the end of the backward pass."""

    steps: int = 0
    whole: float = 0.0
    forward: float = 0.0
    backward: float = 0.0
    update: float = 0.0
    ready: dict[nn.Parameter, float] = field(default_factory=dict)


class _Watch:
    """Looks at the clock where the passes of a step begin and end."""

    def __init__(self, run: Assembly) -> None:
        self.run, self.seen = run, _Seen()
        self.began = self.called = self.ended = 0.0
        self.forward = 0.0
        self.whole: dict[nn.Parameter, float] = {}
        self.synchronise = torch.cuda.synchronize if run.device.type == "cuda" else lambda: None

    def round(self, batches: Iterator[Any], seconds: float) -> _Seen:
        """Steps for about so many seconds."""
        self.run.state.memory.clear()
        for _ in range(WARM_UP):
            before = self._now()
            step(self.run, next(batches))
        steps = max(FEWEST, min(MOST, int(seconds / (self._now() - before))))
        handles = self._handles()
        for _ in range(steps):
            self._step(batches)
        for handle in handles:
            handle.remove()
        self.run.state.memory.clear()
        return self.seen

    def _handles(self) -> list[Any]:
        model, optimizer = self.run.state.model, self.run.state.optimizer
        assert optimizer is not None
        return [
            model.register_forward_pre_hook(lambda *_: self._enter()),
            model.register_forward_hook(lambda *_: self._leave()),
            *(p.register_post_accumulate_grad_hook(self._whole) for p in model.parameters() if p.requires_grad),
            optimizer.register_step_post_hook(lambda *_: self._end()),
        ]

    def _now(self) -> float:
        self.synchronise()
        return time.perf_counter()

    def _enter(self) -> None:
        self.called = self._now()
        self.began = self.began or self.called

    def _leave(self) -> None:
        self.forward += self._now() - self.called

    def _whole(self, parameter: Any) -> None:
        self.whole[parameter] = self._now()

    def _end(self) -> None:
        self.ended = self._now()

    def _step(self, batches: Iterator[Any]) -> None:
        self.began, self.forward = 0.0, 0.0
        start = self._now()
        step(self.run, next(batches))
        last, seen = max(self.whole.values()), self.seen
        seen.whole += self._now() - start
        seen.forward += self.forward
        seen.backward += last - self.began - self.forward
        seen.update += self.ended - last
        seen.steps += 1
        for parameter, moment in self.whole.items():
            seen.ready[parameter] = seen.ready.get(parameter, 0.0) + last - moment


def _pace(rounds: list[_Seen], order: list[list[nn.Parameter]]) -> Pace:
    """Of the round whose steps were of median length."""
    median = statistics.median_low(one.whole / one.steps for one in rounds)
    seen = next(one for one in rounds if one.whole / one.steps == median)
    forward, backward, update, whole = (
        seconds / seen.steps for seconds in (seen.forward, seen.backward, seen.update, seen.whole)
    )
    last = [min(seen.ready[p] for p in bucket) / seen.steps for bucket in order]
    ready = tuple(max(0.0, backward - before) for before in last)
    return Pace(forward, backward, update, max(0.0, whole - forward - backward - update), ready)


def _buckets(model: nn.Module, ready: dict[nn.Parameter, float]) -> list[list[nn.Parameter]]:
    """The parameters in the buckets that torch sends together: the first to be whole first, a small bucket at first."""
    found: list[list[nn.Parameter]] = [[]]
    size, limit = 0, FIRST_BUCKET
    for p in sorted(ready, key=lambda p: -ready[p]):
        if size >= limit:
            found, size, limit = [*found, []], 0, BUCKET
        found[-1].append(p)
        size += p.numel() * p.element_size()
    return found


def _batch(run: Assembly) -> int:
    """Examples of a whole batch: all where the rule takes all."""
    options = run.recipe.training
    return len(run.data.parts["train"]) if options.optimizer in ("gd", "fista") else options.batch


def _small(run: Assembly) -> tuple[int, ...]:
    """Bytes of what else all workers add up in a step: the loss, and what batch norms need."""
    norms = [layer for layer in run.state.model.modules() if isinstance(layer, _BatchNorm)]
    channels = [4 * layer.num_features for layer in norms]
    if not norms:
        return (4,)
    if run.recipe.parallel.norm == "all":
        return (4, *(size for size in channels for _ in range(4)))  # mean, variance; their gradients
    return (4, 2 * sum(channels))


def _layers(run: Assembly) -> tuple[Layer, ...]:
    """The layers with weights, as one example goes through them."""
    numbers = 2 if run.precision == "bfloat16" else 8 if run.precision == "float64" else 4
    inputs = [t.to(run.device) for t in run.codec.sample()]
    inputs = [t.to(next(run.state.model.parameters()).dtype) if t.is_floating_point() else t for t in inputs]
    found = []
    for layer in layers(run.state.model, *inputs):
        shape = layer["output"]
        if layer["multiply_adds"]:
            outputs = shape[0] if len(shape) == 3 else shape[-1]
            found.append(Layer(outputs, layer["multiply_adds"], numbers * math.prod(shape)))
    return tuple(found)
