"""A slice of the loss of a trained run: over the plane of two random directions from its weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flori.core.device import parameter_type
from flori.core.errors import UserError
from flori.evaluation.slices import Direction, direction, losses
from flori.objectives.objective import Objective
from flori.recipes.run import Run
from flori.recipes.tasks import task_of

EXAMPLES, BATCH = 512, 64  # of the training part, at most
REACH = 1.0  # along each direction, which is as long as the weights
MOST, FEWEST = 31, 11  # places along each; odd, so that the weights themselves are one
SECONDS = 40.0  # all places together take about so long
SLOW = SECONDS / FEWEST**2  # seconds for a place, above which fewer examples must do


@dataclass(frozen=True)
class Slice:
    """What a slice is taken of: the network, its mean `loss` over so many `examples`, two directions, and the `shifts`
    [N] along each."""

    model: nn.Module
    loss: Callable[[], Tensor]
    examples: int
    directions: list[Direction]
    shifts: list[float]

    def losses(self) -> Iterator[float]:
        """N·N losses, row by row of the plane: its columns are shifts along the first direction."""
        places = [(along, aside) for aside in self.shifts for along in self.shifts]
        return losses(self.model, self.loss, self.directions, places)


def slice_of(run: Run) -> Slice:
    """The slice of a run on examples of its training part, of which it takes as many, and as many places, as can be
    seen in time. Raises UserError for a run without weights to move."""
    predictor, seed = run.predictor(), run.recipe.seed
    try:
        directions = [direction(predictor.model, seed, number) for number in (0, 1)]
    except ValueError as problem:
        raise UserError(f"{run.path}: {problem}, so there is no slice of its loss") from None
    options, batches = run.recipe.training, _some(run, predictor)
    objective = task_of(predictor.codec, options).objective(options)
    seconds = _seconds(predictor.model, _mean(predictor.model, objective, batches))
    if seconds > SLOW:
        batches = batches[: max(1, int(len(batches) * SLOW / seconds))]
        seconds = _seconds(predictor.model, _mean(predictor.model, objective, batches))
    side = min(MOST, max(FEWEST, int(math.sqrt(SECONDS / seconds))))
    half = (side - 1) // 2
    shifts = [REACH * number / half for number in range(-half, half + 1)]
    examples = sum(map(len, batches))
    return Slice(predictor.model, _mean(predictor.model, objective, batches), examples, directions, shifts)


def _some(run: Run, predictor: Any) -> list[Any]:
    """A few batches of the training part, as they are, in random order: of a sorted set the first are of one class."""
    recipe, codec = run.recipe, predictor.codec
    train = codec.read(recipe.data, recipe.seed, True, recipe.training.patience is not None)["train"]
    dtype = parameter_type(predictor.precision)
    batches, kept = codec.batches(train, BATCH, predictor.device, dtype, recipe.seed), []
    for batch in batches.epoch(0):
        kept.append(batch)
        if sum(map(len, kept)) >= EXAMPLES:
            break
    return kept


def _mean(model: nn.Module, objective: Objective[Any], batches: list[Any]) -> Callable[[], Tensor]:
    """The loss over all batches; in float32 even where bfloat16 trained it: the places lie close together."""
    counts = [objective.count(batch) for batch in batches]

    def loss() -> Tensor:
        parts = [objective.losses(model, b)["loss"] * (n / sum(counts)) for b, n in zip(batches, counts, strict=True)]
        return torch.stack(parts).sum()

    return loss


@torch.no_grad()
def _seconds(model: nn.Module, loss: Callable[[], Tensor]) -> float:
    """How long a loss takes once all is warm."""
    model.eval()
    loss()
    began = time.monotonic()
    float(loss())
    return time.monotonic() - began
