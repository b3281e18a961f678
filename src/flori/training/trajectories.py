"""The ways that optimisers take down a surface, each at the rate that suits it best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flori.core.recipe import Training
from flori.training import optimizers
from flori.training.surfaces import Surface

STEPS = 200
RATES = tuple(step * 10.0**power for power in range(-4, 2) for step in (1, 2, 5))
LAST = 10  # steps whose highest point a way is judged by: it must have come to rest
NEAR = 1e-3  # above the lowest point: arrived
OPTIONS: dict[str, dict[str, Any]] = {
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


class Points(nn.Module):
    """Places [1, 2] on a surface, as what an optimiser moves."""

    heads = ()

    def __init__(self, start: tuple[float, float], count: int) -> None:
        super().__init__()
        place = torch.tensor([start], dtype=torch.float64)
        self.places = nn.ParameterList([nn.Parameter(place.clone()) for _ in range(count)])


def ways(surface: Surface) -> Iterator[Way]:
    """Every optimiser's best way of all rates by which it stays on the picture: the first to be at a lowest point, and
    where none gets there, the one that ends lowest."""

    def worth(way: Way) -> tuple[float, float]:
        arrived = way.arrived(surface.least)
        return math.inf if arrived is None else arrived, float(way.heights[-LAST:].max())

    for name in OPTIONS:
        yield min((way for way in walks(surface, name) if in_sight(surface, way.points)), key=worth)


def walks(
    surface: Surface, optimizer: str, rates: Sequence[float] = RATES, steps: int = STEPS, **options: Any
) -> list[Way]:
    """An optimiser's ways from the surface's start, one for each rate, all walked at once. `options` are those of a
    recipe's training; without any, those of `OPTIONS`."""
    walkers = Points(surface.start, len(rates))
    moving = optimizers.build(walkers, Training(optimizer=optimizer, **(options or OPTIONS[optimizer])))  # type: ignore[arg-type]
    alike = {name: value for name, value in moving.param_groups[0].items() if name != "params"}
    moving.param_groups[:] = [
        {**alike, "params": [place], "lr": rate} for place, rate in zip(walkers.places, rates, strict=True)
    ]
    points, heights = [], []
    for step in range(steps + 1):
        places = torch.cat([*walkers.places])
        height = surface.height(*places.T)
        points.append(places.detach())
        heights.append(height.detach())
        if step < steps:
            slopes = torch.autograd.grad(height.sum(), [*walkers.places])
            for place, slope in zip(walkers.places, slopes, strict=True):
                place.grad = slope.contiguous()  # fused updates read memory in its order, whatever the strides
            moving.step()
    seen = zip(rates, torch.stack(points, 1), torch.stack(heights, 1), strict=True)
    return [Way(optimizer, rate, *way) for rate, *way in seen]


def in_sight(surface: Surface, points: Tensor) -> bool:
    """Whether all points [N, 2] lie on the picture of a surface."""
    low, high = torch.tensor(surface.box, dtype=points.dtype).T
    return bool(((points >= low) & (points <= high)).all())
