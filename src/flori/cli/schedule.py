"""The learning rate from the first step to the last, for `flori show`."""

from __future__ import annotations

from typing import Any

from flori.core.recipe import Recipe
from flori.training.schedules import factor, steps_rising

LEVELS = "▁▂▃▄▅▆▇█"
WIDTH = 64  # characters, a rate each, about
NOMINAL = 1000  # steps of a run whose number of steps depends on its data
RATELESS = ("closed-form", "counting", "perceptron", "fista")  # learnt at once, or at a rate of their own


def schedule(recipe: Recipe) -> dict[str, Any] | None:
    """About `WIDTH` steps (from 0) of a run, its first, its last and the one at the highest rate among them, and the
    learning rate of each; None where there is none. Where the number of steps depends on the data, `steps` is null,
    and `share` says how far each is."""
    options = recipe.training
    if options.optimizer in RATELESS:
        return None
    steps = options.steps or NOMINAL
    count = min(WIDTH, steps)
    top = min(steps - 1, steps_rising(options.schedule, steps, options.warmup))
    chosen = sorted({top, *(round(i * (steps - 1) / max(1, count - 1)) for i in range(count))})
    shape = (options.warmup, options.floor, options.until)
    return {
        "name": options.schedule,
        "steps": options.steps,
        "step": chosen if options.steps else None,
        "share": [step / steps for step in chosen],
        "rate": [options.lr * factor(options.schedule, step, steps, *shape) for step in chosen],
    }


def sparkline(values: list[float]) -> str:
    """Numbers from 0 on as bars, the largest one full."""
    most = max(values, default=0.0) or 1.0
    return "".join(LEVELS[min(len(LEVELS) - 1, int(value / most * len(LEVELS)))] for value in values)


def print_schedule(found: dict[str, Any]) -> None:
    """The schedule as a line of bars, with its first, highest and last rate."""
    rates = found["rate"]
    over = f"{found['steps']:,} steps" if found["steps"] else f"the run (drawn as if of {NOMINAL:,} steps)"
    print(f"learning rate: {found['name']} over {over}, {rates[0]:.3g} … {max(rates):.3g} … {rates[-1]:.3g}")
    print(f"  {sparkline(rates)}")
