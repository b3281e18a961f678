"""Looks at the gradients that a step leaves behind, so few and so cheap that a run may take them all the time."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from flori.training.health import alike
from flori.training.watching import matrices

FIRST, GROWTH, TOGETHER = 8, 1.3, 4  # the first step looked at, the factor to the next, looks that are judged together


@dataclass(frozen=True)
class Glanced:
    """What some looks showed, by layer in the order of the network: the norm of the gradient of its weights at the last
    look; the share of its units that no gradient reached in any of them; and the layers whose
    units all have the same weights. `heads` are the layers that make the outputs."""

    gradients: dict[str, float]
    idle: dict[str, float]
    alike: list[str]
    heads: list[str]
    step: int


@dataclass
class Glances:
    """When to look at a network, and what has been seen since the last judgement."""

    model: nn.Module
    due: int = FIRST
    looks: int = 0
    reached: dict[str, Tensor] = field(default_factory=dict)

    def look(self, step: int) -> Glanced | None:
        """Look at the gradients of the step just done, if it is time; what was seen, once it is enough to judge."""
        if step < self.due:
            return None
        self.due, self.looks = int(step * GROWTH) + FIRST, self.looks + 1
        weights = {name: p for name, p in self._weights().items() if p.grad is not None}
        for name, p in weights.items():
            assert p.grad is not None
            units = p.grad.reshape(len(p) if p.dim() > 1 else 1, -1).any(1)
            self.reached[name] = self.reached[name] | units if name in self.reached else units
        if self.looks % TOGETHER or not weights:
            return None
        return self._judged(weights, step)

    def _judged(self, weights: dict[str, nn.Parameter], step: int) -> Glanced:
        reached, self.reached = self.reached, {}
        norms = torch.stack([p.grad.float().norm() for p in weights.values() if p.grad is not None]).tolist()
        idle = {name: 1 - float(units.double().mean()) for name, units in reached.items() if name in weights}
        heads = [
            name for name in weights if any(f"{name}.".startswith(f"{h}.") for h in getattr(self.model, "heads", ()))
        ]
        same = [name for name, p in weights.items() if alike(p)] if self.looks == TOGETHER else []
        return Glanced(dict(zip(weights, norms, strict=True)), idle, same, heads or [*weights][-1:], step)

    def _weights(self) -> dict[str, nn.Parameter]:
        """The matrix of each layer whose units are its rows; tables and recurrent layers, whose rows are no units, are
        left out."""
        kinds = dict(self.model.named_modules())
        of = {
            name: next(iter(weights.values()))
            for name, weights in matrices(self.model).items()
            if name in kinds and not isinstance(kinds[name], nn.Embedding)
        }
        tables = {id(p) for m in kinds.values() if isinstance(m, nn.Embedding) for p in m.parameters()}
        return {name: p for name, p in of.items() if id(p) not in tables}
