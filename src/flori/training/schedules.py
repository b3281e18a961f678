"""How the learning rate changes: a factor in [0, 1] as a pure function of the step.

`t` runs from 0 to 1 after the warm-up; `floor` is the last factor (ε_τ as a share of ε_0). `flori.reference.schedules`
has each formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable

SHAPES: dict[str, Callable[[float, float], float]] = {
    "constant": lambda t, floor: 1.0,
    "linear": lambda t, floor: 1 - (1 - floor) * t,
    "step": lambda t, floor: max(floor, 0.1 ** sum(t >= mark for mark in (0.5, 0.75))),
    "cosine": lambda t, floor: floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * t)),
    "one-cycle": lambda t, floor: floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * t)),
}
RISE = 0.3  # of one-cycle, where no warm-up is given (Smith and Topin 2018)


def factor(schedule: str, step: int, steps: int, warmup: float = 0.0, floor: float = 0.0, until: float = 1.0) -> float:
    """The share of the highest rate for the update number `step` (from 0) of `steps`.

    It rises in a line over the first `warmup` share of the steps, never from exactly zero. From there on it falls until
    the share `until` of the steps is done (τ), and stays as it is then. The inverse square root of the step falls to
    the end (Vaswani et al. 2017).
    """
    rising = steps_rising(schedule, steps, warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule == "inverse-square-root":
        return max(floor, ((rising + 1) / (step + 1)) ** 0.5)
    t = (step - rising) / max(1, round(until * steps) - rising)
    return SHAPES[schedule](min(t, 1.0), floor)


def steps_rising(schedule: str, steps: int, warmup: float) -> int:
    """How many steps the rate rises over: the number of the first step at its highest."""
    return round((RISE if schedule == "one-cycle" and warmup == 0 else warmup) * steps)
