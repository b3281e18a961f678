"""What is found to be wrong with a network, and what the judging of its layers has in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flori.training.health import Layer

VANISHED = 1e-5  # a layer's gradient as a share of the largest
SHRUNK = 1e-3  # the same, where it is named as the layer where gradients vanish
DIVERGED = 10.0  # a loss as a multiple of the first
DEAD, SATURATED = 0.9, 0.6  # shares of units


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its name, the layer it is seen in first, what was seen, and what to change."""

    name: str
    layer: str | None
    seen: str
    change: str

    def __str__(self) -> str:
        return f"{self.seen} {self.change}"


def and_others(names: list[str]) -> str:
    """That the same holds of the layers but the first of those named."""
    count = len(names) - 1
    return f", and so {'are' if count > 1 else 'is'} {count} other layer{'s' * (count > 1)}" if count else ""


def dead_units(layers: list[Layer], when: str) -> Finding | None:
    """The first layer whose rectified units are dead, nearly all."""
    worst = next((layer for layer in layers if (layer.dead or 0.0) >= DEAD), None)
    if worst is None:
        return None
    return Finding(
        "dead-units",
        worst.name,
        f"Units are dead: {when} {worst.dead or 0:.0%} of those of {worst.name} are zero for every example, and learn "
        "nothing.",
        "Begin with He's initial weights and biases of zero (model.initialisation=auto), or lower lr, which may have "
        "killed them; gelu and tanh do not die.",
    )


def gradients(layers: list[Layer]) -> dict[str, float]:
    """By layer the gradient of its outputs; of its weights, relative to them, where no outputs are seen at all."""
    of_outputs = {layer.name: layer.gradient for layer in layers if layer.gradient is not None}
    hidden = [layer for layer in layers if layer.gradient is None and layer.weight_gradient is not None]
    if not hidden:
        return of_outputs
    return {
        layer.name: layer.weight_gradient / (layer.weight or math.inf)
        for layer in layers
        if layer.weight_gradient is not None
    }


def least(norms: dict[str, float]) -> float:
    """The least as a share of the largest; 1 where some are no numbers, of which nothing can be said."""
    if not all(map(math.isfinite, norms.values())):
        return 1.0
    largest = max(norms.values(), default=0.0)
    return min(norms.values()) / largest if largest > 0 else 0.0
