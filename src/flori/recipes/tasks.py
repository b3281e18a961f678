"""What each task is made of, room by room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from flori.artifacts.answering.tagging import tags
from flori.artifacts.answering.translation import translated
from flori.artifacts.predictor import Predictor
from flori.core.device import computing, parameter_type
from flori.core.errors import UserError
from flori.core.recipe import Training
from flori.data import words
from flori.data.codec import Codec
from flori.data.text_classes import TextCodec
from flori.evaluation import classification as judged_classes
from flori.evaluation import regression as judged_numbers
from flori.evaluation import tagging as judged_tags
from flori.evaluation.bleu import corpus_bleu
from flori.evaluation.judged import Judged
from flori.evaluation.language import Surprise
from flori.objectives.classification import classification
from flori.objectives.language import language
from flori.objectives.objective import Objective
from flori.objectives.perceptron import gaps, perceptron
from flori.objectives.regression import LOSSES, regression
from flori.objectives.tagging import tagging
from flori.objectives.translation import translation
from flori.prediction.labelled import labelled
from flori.prediction.next_tokens import next_tokens
from flori.prediction.shared import said_in_turn, tensors_in_turn

BEAMS = 4  # of the search for translations that are scored


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


def _by_planes(predictor: Predictor, part: Any, whole: bool) -> Judged:
    """As `_classes`, but the loss is the perceptron's: its scores are no logarithms of probabilities."""
    judged = _classes(predictor, part, whole)
    loss = (-gaps(judged.answers.double(), part.targets)).clamp(min=0).mean()
    return Judged({**judged.scores, "loss": float(loss)}, judged.tables, judged.answers)


def _numbers(predictor: Predictor, part: Any, whole: bool, loss: str = "squared") -> Judged:
    outputs, scale = predictor.outputs(part), predictor.codec.scale  # type: ignore[attr-defined]
    learnt = float(LOSSES[loss](outputs.double() - part.targets.double()).mean())
    return Judged(judged_numbers.scores(scale.invert(outputs), scale.invert(part.targets), learnt), answers=outputs)


def _cut(text: str) -> list[str]:
    """The words of a text, and its punctuation."""
    return [text[start:end] for start, end in words.places(text)]


def _text_classes(predictor: Predictor, part: Any, whole: bool) -> Judged:
    said = labelled(predictor.model, predictor.in_order(part), predictor.device, predictor.precision)
    kind, labels = parameter_type(predictor.precision), predictor.codec.labels
    outputs = torch.cat(tensors_in_turn([logits.cpu() for logits, _ in said], kind, predictor.ranks))
    tables = judged_classes.tables(outputs, part.targets, labels) if whole else {}
    return Judged(judged_classes.scores(outputs, part.targets), tables, outputs)


def _tags(predictor: Predictor, part: Any, whole: bool) -> Judged:
    surprise = Surprise(predictor.ranks)
    for logits, batch in labelled(predictor.model, predictor.in_order(part), predictor.device, predictor.precision):
        surprise.add(logits, batch.targets)
    said = tags(predictor, predictor.codec, part)  # type: ignore[arg-type]
    scores = {"loss": surprise.scores()["loss"], **judged_tags.scores(said, part.texts.tags)}
    return Judged(scores, judged_tags.tables(said, part.texts.tags) if whole else {}, said)


def _language(predictor: Predictor, part: Any, whole: bool) -> Judged:
    surprise, batches = Surprise(predictor.ranks), predictor.in_order(part)
    for logits, targets in next_tokens(predictor.model, batches, predictor.device, predictor.precision):
        surprise.add(logits, targets)
    return Judged(surprise.scores())


@torch.inference_mode()
def _translation(predictor: Predictor, part: Any, whole: bool) -> Judged:
    """Loss and perplexity of the true translations; on the whole also BLEU of those that a search finds, in words."""
    surprise, codec, model = Surprise(predictor.ranks), predictor.codec, predictor.model.eval()
    for batch in predictor.in_order(part):
        with computing(predictor.device, predictor.precision):
            logits = model(batch.source, batch.source_lengths, batch.inputs)
        surprise.add(logits, batch.targets)
    if not whole:
        return Judged(surprise.scores())
    sources, ranks = part.texts.sources, predictor.ranks
    found = translated(predictor, codec, sources[ranks.rank :: ranks.size], BEAMS)  # type: ignore[arg-type]
    said = said_in_turn([codec.target.decode(one.tokens) for one in found], ranks)  # type: ignore[attr-defined]
    bleu = corpus_bleu(*([_cut(text) for text in texts] for texts in (said, part.texts.targets)))
    return Judged({**surprise.scores(), "bleu": bleu}, answers=said)


TASKS = {
    "classification": Task(
        objective=lambda training: classification(training.label_smoothing),
        judge=_classes,
        best=judged_classes.BETTER,
    ),
    "regression": Task(lambda training: regression(named(training)), _numbers, judged_numbers.BETTER),
    "language": Task(lambda training: language(training.label_smoothing), _language, ("loss", False)),
    "translation": Task(lambda training: translation(training.label_smoothing), _translation, ("loss", False)),
    "tagging": Task(lambda training: tagging(training.label_smoothing), _tags, judged_tags.BETTER),
}
_TEXTS = Task(lambda training: tagging(training.label_smoothing), _text_classes, judged_classes.BETTER)
_PLANES = Task(lambda training: perceptron(), _by_planes, judged_classes.BETTER)


def named(training: Training) -> str:
    """The loss of a regression by its name in `flori.objectives.regression`."""
    return "squared" if training.loss == "auto" else training.loss


def task_of(codec: Codec, training: Training) -> Task:
    """The task of a codec: classes of texts are learnt from other batches than classes of pictures and rows, a
    perceptron has a loss of its own, and numbers have several. Raises UserError for a loss that the task has not."""
    if training.optimizer == "perceptron":
        _must_have_loss(training.loss, codec.task, ())
        return _PLANES
    _must_have_loss(training.loss, codec.task, LOSSES if codec.task == "regression" else ("cross-entropy",))
    if isinstance(codec, TextCodec):
        return _TEXTS
    if codec.task == "regression":
        return replace(TASKS["regression"], judge=partial(_numbers, loss=named(training)))
    return TASKS[codec.task]


def _must_have_loss(loss: str, task: str, known: Iterable[str]) -> None:
    if loss not in ("auto", *known):
        raise UserError(f"training.loss={loss} does not suit {task} here; {' and '.join(('auto', *known))} do")
