"""Whether so many workers pay: their first steps against steps of one alone, both measured here."""

from __future__ import annotations

import statistics
import time

import torch

from flori.core import seeds
from flori.core.machine import cores, workers_here
from flori.data.picture_files import PictureFiles
from flori.evaluation.findings import Finding
from flori.models.nadaraya_watson import NadarayaWatson
from flori.recipes.assembly import Assembly, build_model
from flori.recipes.pacing import shared_batches
from flori.training import optimizers
from flori.training.freezing import freeze
from flori.training.state import State, averaged
from flori.training.updates import Update, descent

FIRST, LAST = 5, 15  # steps between which the workers are timed
ALONE = 3  # steps of one alone that are timed, after one that is not
FEWEST = 200  # steps of a run that is worth the trial: it takes four of one alone
LONGEST = 10.0  # seconds of a step of all workers, beyond which the others would wait too long
SLOWER = 1.05  # times as long, from which on it is said


class Paying:
    """Looks at the clock in the first steps of a run; then the first worker tries, on a network of its own, what a step
    takes it alone with the cores of all workers of its machine, while the others wait at their next message."""

    def __init__(self, run: Assembly) -> None:
        self.run, self._steps, self._times = run, 0, list[float]()
        inputs = getattr(run.data.parts["train"], "inputs", None)
        self._open = (
            not run.ranks.alone
            and not run.share.whole
            and run.recipe.parallel.strategy == "data"
            and run.order.data.size == run.ranks.size  # none has but a part of the network
            and run.state.optimizer is not None
            and run.steps - run.state.step >= FEWEST
            and run.device.type == "cpu"
            and run.recipe.training.optimizer not in ("gd", "fista")
            and not isinstance(inputs, PictureFiles)
            and not isinstance(run.state.model, NadarayaWatson)
        )

    def look(self, seconds: float) -> Finding | None:
        """After every step, with the seconds that it took: at the last one looked at, what is wrong, if anything is."""
        self._steps += self._open
        if not self._open or self._steps <= FIRST:
            return None
        self._times.append(seconds)
        if self._steps < LAST:
            return None
        self._open = False
        together = statistics.median(self._times)
        if not self.run.ranks.first or together > LONGEST:
            return None
        return judged(self.run.ranks.size, together, alone(self.run))


def judged(workers: int, together: float, by_one: float) -> Finding | None:
    """The warning that fewer workers would be faster; None where they would not."""
    if together <= SLOWER * by_one:
        return None
    times = f"{1000 * together:.3g} ms a step, one alone {1000 * by_one:.3g} ms"
    what = f"{workers} workers take {times} (measured here, with the cores of all on its machine): they do not pay."
    return Finding("workers-slow", None, what, "Fewer workers or a larger batch= help; flori inspect --scale says why.")


def alone(run: Assembly) -> float:
    """Seconds of a step on whole batches by one process with weights of its own, the median of a few."""
    update, state, batches = _update(run), _state(run), shared_batches(run, 1)
    before, times = torch.get_num_threads(), []
    torch.set_num_threads(cores() * workers_here())
    try:
        for _ in range(1 + ALONE):
            start = time.perf_counter()
            state.learn()
            with seeds.scope(run.recipe.seed, "step", 0):
                update(state, next(batches))
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return statistics.median(times[1:])


def _update(run: Assembly) -> Update:
    return descent(run.objective, run.recipe.training, run.steps, run.device, run.precision)


def _state(run: Assembly) -> State:
    recipe, options = run.recipe, run.recipe.training
    model = build_model(recipe, run.codec).to(run.device, next(run.state.model.parameters()).dtype)
    if recipe.convolutional:
        model.to(memory_format=torch.channels_last)
    frozen = freeze(model, options.freeze) if options.freeze is not None else []
    return State(model, optimizers.build(model, options), averaged(model, options.average), frozen=frozen)
