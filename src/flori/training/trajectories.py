"""The ways that optimisers take down a surface, each at the rate that suits it best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flori.core.recipe import Training
from flori.training import optimizers
from flori.training.surfaces import Surface

STEPS = 200
RATES = tuple(step * 10.0**power for power in range(-4, 2) for step in (1, 2, 5))
LAST = 10  # steps whose highest point a way is judged by: it must have come to rest
NEAR = 1e-3  # above the lowest point: arrived
OPTIONS = {
    "gd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "adagrad": {},
    "rmsprop": {"momentum": 0.0},
    "adam": {},
    "muon": {"momentum": 0.95},
}
"""The optimisers that differ on a surface: sgd is gd where there is no noise, and adamw is adam without decay."""


@dataclass(frozen=True)
class Way:
    """An optimiser's way at a rate: its points [steps + 1, 2] with the start, and the height at each."""

    optimizer: str
    rate: float
    points: Tensor
    heights: Tensor

    def arrived(self, least: float) -> int | None:
        """The first step from which on it stays within 10⁻³ of the height `least`."""
        away = (self.heights > least + NEAR).nonzero()
        first = int(away[-1]) + 1 if len(away) else 0
        return first if first < len(self.heights) else None


class Point(nn.Module):
    """A place [1, 2] on a surface, as what an optimiser moves."""

    heads = ()

    def __init__(self, start: tuple[float, float]) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([start], dtype=torch.float64))


def ways(surface: Surface) -> Iterator[Way]:
    """Every optimiser's best way: the one that ends lowest, of all rates by which it stays in sight."""
    for name in OPTIONS:
        found = [walk(surface, name, rate) for rate in RATES]
        yield min((way for way in found if way is not None), key=lambda way: float(way.heights[-LAST:].max()))


def walk(surface: Surface, optimizer: str, rate: float, steps: int = STEPS) -> Way | None:
    """The way from the surface's start; None where it leaves the surface's box."""
    point = Point(surface.start)
    options: dict = OPTIONS[optimizer]
    moving = optimizers.build(point, Training(optimizer=optimizer, lr=rate, **options))  # type: ignore[arg-type]
    places, heights = [point.place.detach()[0].clone()], []
    for _ in range(steps):
        height = surface.height(*point.place[0])
        heights.append(height.detach())
        (point.place.grad,) = torch.autograd.grad(height, [point.place])
        moving.step()
        place = point.place.detach()[0].clone()
        if not in_sight(surface, place):
            return None
        places.append(place)
    heights.append(surface.height(*places[-1]))
    return Way(optimizer, rate, torch.stack(places), torch.stack(heights))


def in_sight(surface: Surface, place: Tensor) -> bool:
    """Whether a point lies on the picture of a surface."""
    return all(low <= number <= high for number, (low, high) in zip(place.tolist(), surface.box, strict=True))
