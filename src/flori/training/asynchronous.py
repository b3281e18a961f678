"""Workers that do not wait for each other, for study: one process owns the weights, the others send it gradients.

A parameter server (Dean et al. 2012, "Large scale distributed deep networks"). A worker takes the next share of the
next batch, the gradient of its part of the mean loss at the newest weights, and sends it; the owner makes an update of
what has come and answers with weights and the next share. Meanwhile others may have changed the weights: by how many
updates is the gradient's staleness. It is bounded (as by Ho et al. 2013, "More effective distributed ML via a stale
synchronous parallel parameter server"): before an update would leave somebody's weights further behind, those who
have come wait, and what they brought becomes one update. With a bound of 0 that is synchronous descent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from flori.core import seeds
from flori.core.recipe import Training
from flori.data.codec import Batches
from flori.training.clipping import clip
from flori.training.proximal import shrink
from flori.training.schedules import factor
from flori.training.state import State

OWNER, ENOUGH = 0, -1  # the rank that owns the weights; what is said instead of a number to one who is to stop
STALE = "staleness "  # with a number behind it: a note of the state, of how many gradients were so stale
Update = Callable[[State, Any], Tensor]


@dataclass
class Turn:
    """What the owner has in place of a batch: how many targets workers went through for it."""

    targets: int = 0

    def total(self) -> int:
        """The targets of the gradients that came in."""
        return self.targets


@dataclass(frozen=True)
class Turns:
    """As many turns as there are batches, which workers read."""

    batches: Batches

    @property
    def per_epoch(self) -> int:
        """Batches of an epoch."""
        return self.batches.per_epoch

    def epoch(self, number: int, start: int = 0) -> Iterator[Turn]:
        """A turn for each batch from the `start`-th on."""
        for _ in range(start, self.per_epoch):
            yield Turn()


@dataclass
class Owner:
    """The process that owns the weights: `update` makes steps of as many gradients as there are workers.

    Args:
        workers: how many there are, of ranks 1, 2, …; bound: the staleness that no gradient exceeds.
    """

    workers: int
    bound: int
    options: Training
    steps: int
    state: State
    version: int = 0
    applied: int = 0
    _next: int = 0
    _busy: dict[int, int] = field(default_factory=dict)  # by worker the version of the weights that it works with
    _come: dict[int, tuple[Tensor, float, int]] = field(default_factory=dict)  # gradient, loss, targets
    _met: bool = False
    _lost: bool = False

    def update(self, state: State, turn: Turn) -> Tensor:
        """Hear workers until the shares of one more batch are in; the sum of their parts of the loss."""
        assert state is self.state
        if not self._met:
            self._meet()
        loss = 0.0
        while self.applied < (state.step + 1) * self.workers:
            self._hear()
            if self._may_go_on():
                loss += sum(one for _, one, _ in self._come.values())
                turn.targets += sum(targets for *_, targets in self._come.values())
                self._apply()
        return torch.tensor(loss, dtype=torch.float64)

    def close(self) -> None:
        """Tell all workers that it is enough; what they are at is left."""
        if not self._met:
            self._meet(enough=True)
        while self._busy and not self._lost:
            self._hear()
        for worker in [] if self._lost else [*self._come]:
            self._answer(worker, enough=True)

    def _meet(self, enough: bool = False) -> None:
        """Have all workers begin with the same weights."""
        self._met = True
        self.applied = self._next = self.state.step * self.workers
        self._busy = dict.fromkeys(range(1, self.workers + 1), 0)
        while self._busy:
            self._hear()
        for worker in [*self._come]:
            self._answer(worker, enough)

    def _hear(self) -> None:
        """Wait for what any worker brings."""
        numbers = torch.zeros_like(_flat(p.detach() for p in _learning(self.state.model)))
        head = torch.zeros(2, dtype=torch.float64)
        try:
            worker = dist.recv(numbers)
            dist.recv(head, worker)
        except RuntimeError:
            self._lost = True
            raise
        loss, targets = head.tolist()
        stale = self.version - self._busy.pop(worker)
        self._come[worker] = numbers, loss, int(targets)
        if targets:
            notes = self.state.notes
            notes[f"{STALE}{stale}"] = notes.get(f"{STALE}{stale}", 0) + 1

    def _may_go_on(self) -> bool:
        """Whether no weights that somebody works with would be too far behind after one more update."""
        return self.version + 1 - min(self._busy.values(), default=self.version + 1) <= self.bound

    def _apply(self) -> None:
        """One update by the gradients that have come; those who brought them get new weights and work."""
        gradient = torch.stack([gradient for gradient, *_ in self._come.values()]).sum(0)
        _descend(self.state, gradient, self.options, self.steps)
        self.version += 1
        self.applied += len(self._come)
        for worker in [*self._come]:
            self._answer(worker)

    def _answer(self, worker: int, enough: bool = False) -> None:
        """Give a worker its next share of the batches that are left, and the newest weights."""
        del self._come[worker]
        if enough or self._next == self.steps * self.workers:
            dist.send(torch.tensor([ENOUGH]), worker)
            return
        dist.send(torch.tensor([self._next]), worker)
        dist.send(_flat(p.detach() for p in _learning(self.state.model)), worker)
        self._next += 1
        self._busy[worker] = self.version


@dataclass
class Worker:
    """A process that takes gradients.

    Args:
        workers: how many there are; shares: by its number the batches of each share.
        update: of gradient descent, whose optimiser is `Idle`.
    """

    workers: int
    shares: list[Batches]
    state: State
    update: Update
    options: Training
    seed: int

    def work(self) -> None:
        """Send gradients until the owner has enough."""
        parameters = _learning(self.state.model)
        numbers, item = torch.zeros_like(_flat(p.detach() for p in parameters)), torch.tensor([ENOUGH])
        self._send(numbers, 0.0, 0)
        while True:
            dist.recv(item, OWNER)
            if int(item) == ENOUGH:
                return
            dist.recv(numbers, OWNER)
            with torch.no_grad():
                for p, values in zip(parameters, numbers.split([p.numel() for p in parameters]), strict=True):
                    p.copy_(values.view_as(p))
            self._send(*self._gradient(parameters, int(item)))

    def _gradient(self, parameters: list[nn.Parameter], item: int) -> tuple[Tensor, float, int]:
        """That of one share of one batch, with its part of the loss and how many targets it is of."""
        step, share = divmod(item, self.workers)
        epoch, number = divmod(step, self.shares[share].per_epoch)
        batches = self.shares[share].epoch(epoch, number)
        batch = next(batches)
        batches.close()  # type: ignore[attr-defined]
        self.state.learn()
        with seeds.scope(self.seed, "step", step, share):
            loss = float(self.update(self.state, batch))
        gradient = _flat(torch.zeros_like(p) if p.grad is None else p.grad for p in parameters)
        return gradient, loss, sum(part.count() for part in batch.divided(self.options.accumulate))

    def _send(self, numbers: Tensor, loss: float, targets: int) -> None:
        dist.send(numbers, OWNER)
        dist.send(torch.tensor([loss, targets], dtype=torch.float64), OWNER)


def slowed(update: Update, times: float) -> Update:
    """An update that takes so many times as long as its work on the processor: a slow worker, for study."""

    def update_slowly(state: State, batch: Any) -> Tensor:
        before = time.process_time()
        loss = update(state, batch)
        time.sleep((times - 1) * (time.process_time() - before) / torch.get_num_threads())
        return loss

    return update_slowly


class Idle(torch.optim.Optimizer):
    """Leaves weights and gradients as they are: another process makes the update."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__([{"params": _learning(model), "highest": 0.0}], {"lr": 0.0})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Nothing."""


def _descend(state: State, gradient: Tensor, options: Training, steps: int) -> None:
    """As `flori.training.updates.descent` goes on once it has gradients."""
    assert state.optimizer is not None
    share = factor(options.schedule, state.step, steps, options.warmup, options.floor, options.until)
    for group in state.optimizer.param_groups:
        group["lr"] = group["highest"] * share
    parameters = _learning(state.model)
    for p, slope in zip(parameters, gradient.split([p.numel() for p in parameters]), strict=True):
        p.grad = torch.empty_like(p).copy_(slope.view_as(p))
    if options.clip is not None:
        clip(state.model.parameters(), options.clip)
    state.optimizer.step()
    if options.l1:
        shrink(state.optimizer)
    if state.average is not None:
        state.average.update_parameters(state.model)


def staleness(notes: dict[str, float]) -> dict[str, Any]:
    """Mean, greatest and histogram of the staleness of the gradients noted; {} where none was."""
    counts = {int(name.removeprefix(STALE)): int(count) for name, count in notes.items() if name.startswith(STALE)}
    if not counts:
        return {}
    mean = sum(stale * count for stale, count in counts.items()) / sum(counts.values())
    return {"mean": mean, "max": max(counts), "histogram": {str(stale): counts[stale] for stale in sorted(counts)}}


def _learning(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([t.flatten() for t in tensors])
