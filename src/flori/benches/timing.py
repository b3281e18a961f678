"""Contestants in turn, in one process: A B C A B C …, so that a machine that slows down slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

Contestant = Iterator[int]
"""Does one piece of work each time it is asked, such as a step of training, and gives the number of examples, or of
tokens, in it; never ends."""


@dataclass(frozen=True)
class Race:
    """Contestants at the same work, one of them "flori".

    Args:
        about: what they do, in words.
        unit: what is counted.
        seconds: of a round, for each.
        work: floating-point operations that each of what is counted takes, where that is known.
    """

    about: str
    unit: str
    contestants: Mapping[str, Contestant]
    seconds: float
    work: float | None = None


@dataclass(frozen=True)
class Result:
    """Examples (or tokens) a second of a contestant in each round."""

    rates: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rates)

    def ratios(self, other: Result) -> list[float]:
        """How many times as fast as another, round by round."""
        return [a / b for a, b in zip(self.rates, other.rates, strict=True)]


def race(
    contestants: Mapping[str, Contestant], rounds: int, seconds: float, told: Callable[[int], None]
) -> dict[str, Result]:
    """Give each contestant `seconds` in each round, after a warm-up round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            rate = _rate(contestant, seconds)
            if number:
                rates[name].append(rate)
        told(number)
    return {name: Result(found) for name, found in rates.items()}


def _rate(contestant: Contestant, seconds: float) -> float:
    next(contestant)  # brings its data and code back into the caches
    start, examples = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        examples += next(contestant)
    return examples / spent


def ceiling(dtype: torch.dtype, size: int = 2048, tries: int = 15) -> float:
    """The best rate of multiplying two size×size matrices, floating-point operations a second."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(tries):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best
