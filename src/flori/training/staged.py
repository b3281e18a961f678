"""How ranks that hold a stage of a network each learn together: what goes through torch's schedule, and what of it is
in several stages or in all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from flori.core.ranks import ALONE, Ranks
from flori.training.clipping import gradient_norm
from flori.training.mesh import Order
from flori.training.pipeline import Plan, Stage
from flori.training.sharding import local
from flori.training.together import Sharing

Learnt = Callable[[Tensor, Any], Tensor]
"""What the network puts out for a part of a batch, and the part → the loss to learn from."""


class Staged(Sharing):
    """Each rank holds one of the stages of a network, and those along "data" the same one."""

    def __init__(self, stage: Stage, plan: Plan, order: Order, shared: dict[str, torch.Size]) -> None:
        super().__init__(stage.model, order.data)
        self.stage, self.order, self.shared = stage, order, shared
        self.plan = replace(plan, sections=[])  # which hold the weights of all stages
        self._schedules: dict[tuple[int, int, torch.Size], Any] = {}
        self._last, self._rows, self._parts = True, 0, cast(Sequence[Any], ())
        self._learnt: Learnt = lambda output, part: output

    def gradients(self, last: bool) -> AbstractContextManager[object]:
        """The last schedule of a step puts those of ranks along "data" together, at its end."""
        self._last = last
        return nullcontext()

    def total(self, loss: Tensor) -> Tensor:
        """Over all shares of the batch, of which the last stage has the losses; those who divide it, the same ones."""
        return self.order.data.total(self.order.stages.total(loss))

    def runs(self, parts: Sequence[Any], rows: int) -> Iterator[Sequence[Any]]:
        """Parts of one shape, on all ranks along "data", one behind the other: of a batch of `rows` the first parts
        have one more than the others."""
        each, larger = divmod(rows, len(parts))
        for self._rows, some in ((each + 1, parts[:larger]), (each, parts[larger:])):
            if some:
                yield some

    def schedule(self, parts: Sequence[Any], learnt: Learnt) -> tuple[Any, tuple[Tensor, ...], dict[str, Any]]:
        """torch's schedule for parts of one shape; what its step takes, in and by name."""
        self._parts, self._learnt = parts, learnt
        # Shares of a part may have other rows on other ranks, and all are to make a schedule at once: torch then lets
        # go of weights that are in shares, and gathers them anew.
        key = (len(parts), self._rows, parts[0].inputs.shape)
        if key not in self._schedules:
            self._schedules[key] = self._made(len(parts), parts[0].inputs)
        schedule, stages = self._schedules[key], self.order.stages
        schedule._stage.reduces = self._last
        given = (torch.cat([part.inputs for part in parts]),) if stages.first else ()
        last = stages.rank == stages.size - 1
        return schedule, given, {"target": torch.arange(len(parts))} if last else {}

    def _made(self, parts: int, given: Tensor) -> Any:
        """A schedule whose shapes are known, so that ranks need not tell each other."""
        from torch.distributed.pipelining import ScheduleGPipe

        from flori.training.pipeline_stage import Reducing

        stages = self.order.stages
        first, kind = stages.first, self.stage.dtype
        enters, leaves = (self.plan.shape(stages.rank + after, given) for after in (0, 1))
        one = Reducing(
            cast(nn.Module, self.stage),
            stages.rank,
            stages.size,
            given.device,
            input_args=torch.empty_like(given) if first else given.new_empty(enters, dtype=kind).requires_grad_(),
            output_args=given.new_empty(leaves, dtype=kind).requires_grad_(),
            group=stages.group,
        )
        return ScheduleGPipe(one, parts, loss_fn=self._loss, scale_grads=False)

    def _loss(self, output: Tensor, number: Tensor) -> Tensor:
        return self._learnt(output, self._parts[int(number)])

    @torch.no_grad()
    def share(self) -> None:
        """After the backward pass: the gradient of a weight that several stages hold is the sum of theirs."""
        own = dict(self.stage.model.named_parameters())
        for name, shape in self.shared.items():
            mine = own[name].grad if name in own else None
            none = torch.zeros(shape, dtype=self.stage.dtype, device=self.stage.place)
            self.order.stages.total(none if mine is None else local(mine))

    def norm(self, model: nn.Module) -> Tensor | None:
        """Of the gradients of all stages, each counted once."""
        earlier = self.shared if not self.order.stages.first else ()
        mine = gradient_norm(p for name, p in model.named_parameters() if name not in earlier)
        square = torch.zeros((), dtype=self.stage.dtype, device=self.stage.place) if mine is None else mine.square()
        return self.order.stages.total(square).sqrt()


def shared(plan: Plan, model: nn.Module, ranks: Ranks = ALONE) -> dict[str, torch.Size]:
    """The parameters that several stages hold, with the shapes of the shares that this one of `ranks` keeps of them."""
    held = [{name for section in plan.of(stage) for name in section.holds} for stage in range(len(plan.cuts) - 1)]
    return {
        name: _share(p.shape, ranks)
        for name, p in model.named_parameters()
        if sum(any(name.startswith(f"{one}.") for one in some) for some in held) > 1
    }


def _share(shape: torch.Size, ranks: Ranks) -> torch.Size:
    """What one of several ranks keeps where fully_shard divides rows among them."""
    rows = -(-shape[0] // ranks.size)
    return torch.Size((min(rows, max(0, shape[0] - ranks.rank * rows)), *shape[1:]))
