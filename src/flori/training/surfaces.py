"""Surfaces to try optimisers on: functions of two numbers with known lowest points.

Each takes x and y as tensors of any one shape and gives the height at each, of that shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Surface:
    """A function with its formula, where to begin, what of it is worth seeing (x and y from and to), its lowest points,
    and what is difficult about it."""

    height: Callable[[Tensor, Tensor], Tensor]
    formula: str
    start: tuple[float, float]
    box: tuple[tuple[float, float], tuple[float, float]]
    lowest: tuple[tuple[float, float], ...]
    about: str

    def at(self, x: float, y: float) -> float:
        """The height at a point."""
        return float(self.height(torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)))

    @property
    def least(self) -> float:
        """The height of the lowest points."""
        return min(self.at(*point) for point in self.lowest)


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    """A valley that is curved and nearly flat (Rosenbrock 1960)."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def saddle(x: Tensor, y: Tensor) -> Tensor:
    """x² − y² near the origin, and a floor further out."""
    return x**2 - y**2 + y**4 / 4


def beale(x: Tensor, y: Tensor) -> Tensor:
    """Flat around a narrow cross of ridges (Beale 1958)."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def himmelblau(x: Tensor, y: Tensor) -> Tensor:
    """Four lowest points of height 0 (Himmelblau 1972)."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def quadratic(x: Tensor, y: Tensor) -> Tensor:
    """A bowl a hundred times as steep one way as the other: condition number 100."""
    return 0.5 * (x**2 + 100 * y**2)


def rastrigin(x: Tensor, y: Tensor) -> Tensor:
    """A bowl full of holes (Rastrigin 1974)."""
    waves = torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y)
    return 20 + x**2 + y**2 - 10 * waves


_FOUR = ((3.0, 2.0), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127))
SURFACES = {
    "rosenbrock": Surface(
        rosenbrock,
        "(1 − x)² + 100(y − x²)²",
        (-1.2, 1.0),
        ((-2.5, 2.5), (-1.5, 3.5)),
        ((1.0, 1.0),),
        "a curved valley: its walls are steep and its floor is nearly flat",
    ),
    "saddle": Surface(
        saddle,
        "x² − y² + y⁴/4",
        (-1.5, 0.01),
        ((-2.0, 2.0), (-2.0, 2.0)),
        ((0.0, math.sqrt(2)), (0.0, -math.sqrt(2))),
        "the slope all but vanishes at (0, 0), which is no lowest point",
    ),
    "beale": Surface(
        beale,
        "(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        (1.0, 1.5),
        ((-0.5, 4.5), (-1.5, 2.0)),
        ((3.0, 0.5),),
        "a steep wall at the start, and a long flat valley",
    ),
    "himmelblau": Surface(
        himmelblau,
        "(x² + y − 11)² + (x + y² − 7)²",
        (0.0, -0.5),
        ((-5.0, 5.0), (-5.0, 5.0)),
        _FOUR,
        "four lowest points: which one is found depends on the way",
    ),
    "quadratic": Surface(
        quadratic,
        "½(x² + 100y²)",
        (-2.0, 0.5),
        ((-2.5, 1.0), (-0.8, 0.8)),
        ((0.0, 0.0),),
        "a bowl a hundred times as steep one way as the other",
    ),
    "rastrigin": Surface(
        rastrigin,
        "20 + x² + y² − 10(cos 2πx + cos 2πy)",
        (-2.2, 1.7),
        ((-3.2, 2.2), (-2.2, 3.2)),
        ((0.0, 0.0),),
        "a bowl full of holes: nearly every way ends in one of them",
    ),
}
