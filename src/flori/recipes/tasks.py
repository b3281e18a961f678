"""What each task is made of, room by room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flori.artifacts.predictor import Predictor
from flori.core.recipe import Training
from flori.evaluation import classification as judged_classes
from flori.evaluation import regression as judged_numbers
from flori.evaluation.judged import Judged
from flori.objectives.classification import classification
from flori.objectives.objective import Objective
from flori.objectives.regression import regression


@dataclass(frozen=True)
class Task:
    """The objective to train by; what a part says of a network; the score to compare by, and whether more of it is
    better. `judge` takes the predictor, the part, and whether all is wanted that can be said: while it is trained, a
    run is judged by what is quick to tell."""

    objective: Callable[[Training], Objective]
    judge: Callable[[Predictor, Any, bool], Judged]
    best: tuple[str, bool]


def _classes(predictor: Predictor, part: Any, whole: bool) -> Judged:
    outputs, labels = predictor.outputs(part), predictor.codec.labels
    tables = judged_classes.tables(outputs, part.targets, labels) if whole else {}
    return Judged(judged_classes.scores(outputs, part.targets), tables, outputs)


def _numbers(predictor: Predictor, part: Any, whole: bool) -> Judged:
    outputs, scale = predictor.outputs(part), predictor.codec.scale  # type: ignore[attr-defined]
    loss = float(0.5 * (outputs.double() - part.targets.double()).square().mean())
    return Judged(judged_numbers.scores(scale.invert(outputs), scale.invert(part.targets), loss), answers=outputs)


TASKS = {
    "classification": Task(
        objective=lambda training: classification(training.label_smoothing),
        judge=_classes,
        best=judged_classes.BETTER,
    ),
    "regression": Task(objective=lambda training: regression(), judge=_numbers, best=judged_numbers.BETTER),
}
