"""What each task is made of, room by room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from flori.core.recipe import Training
from flori.data.preparing import Codec
from flori.evaluation import classification as judged_classes
from flori.evaluation import regression as judged_numbers
from flori.objectives.classification import classification
from flori.objectives.objective import Objective
from flori.objectives.regression import regression


@dataclass(frozen=True)
class Task:
    """The objective to train by; scores of outputs against targets; tables that say more than scores; the score to
    compare by, and whether more of it is better."""

    objective: Callable[[Training], Objective]
    scores: Callable[[Tensor, Tensor, Codec], dict[str, float]]
    tables: Callable[[Tensor, Tensor, Codec], dict[str, Any]]
    best: tuple[str, bool]


def _number_scores(outputs: Tensor, targets: Tensor, codec: Codec) -> dict[str, float]:
    loss = float(0.5 * (outputs.double() - targets.double()).square().mean())
    return judged_numbers.scores(codec.scale.invert(outputs), codec.scale.invert(targets), loss)


TASKS = {
    "classification": Task(
        objective=lambda training: classification(training.label_smoothing),
        scores=lambda outputs, targets, codec: judged_classes.scores(outputs, targets),
        tables=lambda outputs, targets, codec: judged_classes.tables(outputs, targets, codec.labels),
        best=judged_classes.BETTER,
    ),
    "regression": Task(
        objective=lambda training: regression(),
        scores=_number_scores,
        tables=lambda outputs, targets, codec: {},
        best=judged_numbers.BETTER,
    ),
}
