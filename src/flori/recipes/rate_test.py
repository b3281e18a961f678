"""The learning-rate range test (Smith 2017, "Cyclical learning rates for training neural networks", section 3.3).

A few steps of the recipe's own training, at a rate that rises exponentially from far too low to far too high. The loss
stays, falls, and rises again: a good highest rate lies where it falls fast, well below where it rises. Nothing is
written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch

from flori.core.errors import UserError
from flori.core.recipe import Recipe, replace
from flori.recipes.assembly import Assembly, assemble
from flori.training.loop import Step, loop

LOWEST, HIGHEST = 1e-6, 10.0
STEPS, FEWEST = 140, 35  # 20 for each power of ten; 5 where a step takes long
SECONDS = 60.0  # all steps together take about so long at most
TIMED = 3  # steps at the lowest rate first: the later of them say how long one takes
TOO_HIGH = 4.0  # times the first loss: no more is to be learnt
SLIGHT, AGAIN = 0.05, 0.1  # shares of the first loss that is no fall yet, and of the fall that is a rise


def rising(recipe: Recipe, seconds: float = SECONDS) -> Iterator[tuple[float, float]]:
    """Each rate and the loss of the batch that a step was then taken for, until the loss is no number or far above the
    first; so many rates as take about so many seconds. Raises UserError for a system that is not learnt by steps."""
    plain = {"schedule": "constant", "warmup": 0.0, "average": 0.0, "lr": recipe.training.lr or 1.0}
    run = assemble(replace(recipe, {f"training.{name}": value for name, value in plain.items()}))
    if run.state.optimizer is None:
        raise UserError(f"--rates: {recipe.system} by {recipe.training.optimizer} takes no steps")
    steps = loop(run.state, run.batches, run.update, STEPS + TIMED, recipe.seed)
    first = _loss_at(run, steps, LOWEST)
    count = min(STEPS, max(FEWEST, int(seconds / _seconds_a_step(run, steps))))
    for number in range(count):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / (count - 1))
        loss = _loss_at(run, steps, rate)
        yield rate, loss
        if not loss < TOO_HIGH * first:
            return


def _seconds_a_step(run: Assembly, steps: Iterator[Step]) -> float:
    """How long a step takes once all is warm."""
    began = time.monotonic()
    for _ in range(TIMED - 1):
        _loss_at(run, steps, LOWEST)
    return (time.monotonic() - began) / (TIMED - 1)


def _loss_at(run: Assembly, steps: Iterator[Step], rate: float) -> float:
    """The loss of the next batch, for which a step of this rate is then taken; heads keep their multiple of it."""
    assert run.state.optimizer is not None
    for group in run.state.optimizer.param_groups:
        group["highest"] = rate * group.setdefault("multiple", group["highest"] / run.recipe.training.lr)
    return float(next(steps).loss)


def smooth(values: list[float], width: float = 2.0) -> list[float]:
    """Means over neighbours, weighted by exp(−½(distance/width)²): nothing is put off, as by a moving average."""
    x = torch.tensor(values, dtype=torch.float64)
    place = torch.arange(len(values), dtype=torch.float64)
    weights = torch.exp(-0.5 * ((place[:, None] - place) / width) ** 2)
    return ((weights @ x) / weights.sum(1)).tolist()


def advice(rates: list[float], losses: list[float]) -> dict[str, float | None]:
    """What a curve of losses says, as rates: where the smoothed loss falls fastest (`steepest`), where it is `lowest`,
    where it has risen again by a tenth of its fall or was no number (`diverges`), a `third` and a `tenth` of that.

    None for what never came: the loss did not fall by a twentieth of what it was, or did not rise again.
    """
    smoothed = smooth([loss for loss in losses if math.isfinite(loss)])
    found: dict[str, float | None] = dict.fromkeys(("steepest", "lowest", "diverges", "third", "tenth"))
    if not smoothed:
        return found
    low = smoothed.index(min(smoothed))
    fall = smoothed[0] - smoothed[low]
    if fall <= SLIGHT * abs(smoothed[0]):
        return found
    slopes = [after - before for before, after in zip(smoothed, smoothed[2:], strict=False)][: max(1, low)]
    found |= {"lowest": rates[low], "steepest": rates[1 + slopes.index(min(slopes))]}
    again = [i for i in range(low, len(smoothed)) if smoothed[i] > smoothed[low] + AGAIN * fall]
    above = [*again, *range(len(smoothed), len(rates))]
    if above:
        high = rates[above[0]]
        found |= {"diverges": high, "third": high / 3, "tenth": high / 10}
    return found
