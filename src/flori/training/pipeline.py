"""Stages: each of several ranks holds some of the layers, and parts of a batch go through them one behind the other
(Huang et al., "GPipe", 2019), by torch.distributed.pipelining.

A network names its sections (`flori.layers.sections`). Where it is cut follows from the multiplications of each.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from flori.core.device import computing
from flori.core.errors import UserError
from flori.layers.sections import Section


@dataclass(frozen=True)
class Plan:
    """Where a network is cut: its sections, each with weights; the first section of each stage, and the end; and the
    same network without numbers, to see what shapes come out of it."""

    sections: list[Section]
    cuts: tuple[int, ...]
    outline: list[Section]

    def of(self, stage: int) -> list[Section]:
        """The sections of a stage."""
        return self.sections[self.cuts[stage] : self.cuts[stage + 1]]

    def holds(self, stage: int, name: str) -> bool:
        """Whether a stage has the layer of that name, or one that it is in."""
        return any(f"{name}.".startswith(f"{one}.") for section in self.of(stage) for one in section.holds)

    def shape(self, stage: int, given: Tensor) -> torch.Size:
        """That of what a stage is given, or the last one puts out (`stage` is then their number), for inputs of a
        network as `given`."""
        x = torch.empty_like(given, device="meta")
        with torch.no_grad():
            for section in self.outline[: self.cuts[stage]]:
                x = section.run(x)
        return x.shape


def planned(model: nn.Module, stages: int, sample: Tensor, system: str) -> Plan:
    """A network in stages that take about the same time. Raises UserError where it has no sections, or too few."""
    if not hasattr(model, "sections"):
        what = f"parallel.pipeline={stages}: {system} is no row of layers that could be cut"
        raise UserError(f"{what}; parallel=data shares batches")
    outline = copy.deepcopy(model).to("meta").eval()
    sections, shadows = _with_weights(model), _with_weights(outline)
    if len(sections) < stages:
        what = f"parallel.pipeline={stages}: this {system} can be cut into {len(sections)} stages at most"
        raise UserError(f"{what}; take fewer, and more workers share batches")
    return Plan(sections, balanced(_multiplications(shadows, sample.to("meta")), stages), shadows)


def _with_weights(model: nn.Module) -> list[Section]:
    """The sections, those without weights joined to the next, or the last of them to the one before."""
    found: list[Section] = []
    waiting: list[Section] = []
    for section in cast(Any, model).sections():
        waiting.append(section)
        if any(True for name in section.holds for _ in _parameters(model, name)):
            found, waiting = [*found, _joined(waiting)], []
    return [*found[:-1], _joined([*found[-1:], *waiting])]


def _parameters(model: nn.Module, name: str) -> Sequence[nn.Parameter]:
    module = dict(model.named_modules()).get(name)
    return [] if module is None else [*module.parameters()]


def _joined(sections: Sequence[Section]) -> Section:
    def run(x: Tensor) -> Tensor:
        for section in sections:
            x = section.run(x)
        return x

    return Section(tuple(name for section in sections for name in section.holds), run)


@torch.no_grad()
def _multiplications(sections: list[Section], x: Tensor) -> list[int]:
    found = []
    for section in sections:
        with FlopCounterMode(display=False) as counter:
            x = section.run(x)
        found.append(counter.get_total_flops())
    return found


def balanced(costs: Sequence[int], stages: int) -> tuple[int, ...]:
    """Where to cut a row of costs so that the dearest piece is as cheap as can be: the first place of each piece, none
    of them empty, and the end."""

    @cache
    def best(begin: int, pieces: int) -> tuple[int, tuple[int, ...]]:
        if pieces == 1:
            return sum(costs[begin:]), (begin, len(costs))
        ends = range(begin + 1, len(costs) - pieces + 2)
        tries = ((end, best(end, pieces - 1)) for end in ends)
        return min((max(sum(costs[begin:end]), rest), (begin, *cuts)) for end, (rest, cuts) in tries)

    return best(0, stages)[1]


class Stage(nn.Module):
    """What a rank holds of a network, [B, …] → [B, …] in the type of the weights."""

    def __init__(self, model: nn.Module, sections: list[Section], device: torch.device, precision: str) -> None:
        super().__init__()
        self.model = model
        self._sections, self.place, self._precision = sections, device, precision
        self.dtype = next(model.parameters()).dtype

    def forward(self, x: Tensor) -> Tensor:
        """Through the sections, one after the other."""
        with computing(self.place, self._precision):
            for section in self._sections:
                x = section.run(x)
        return x.to(self.dtype).contiguous()  # as those who receive it expect it


def cut(model: nn.Module, plan: Plan, stage: int) -> None:
    """Leave a network only the weights of a stage, under their names. Raises UserError if none of them learns."""
    own = {name for section in plan.of(stage) for name in section.holds}
    known = dict(model.named_modules())
    for section in plan.sections:
        for name in section.holds:
            if name in known and name not in own and known[name].state_dict():  # what kind the others are, is asked
                model.set_submodule(name, nn.Identity())
    if not any(p.requires_grad for p in model.parameters()):
        raise UserError(f"freeze= leaves stage {stage + 1} of {len(plan.cuts) - 1} nothing to learn; take fewer stages")
