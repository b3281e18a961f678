"""Out-of-fold predictions: for every example the answer of the one network that did not learn from it."""

from __future__ import annotations

import csv
import io
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from flori.artifacts.run_folder import RunFolder
from flori.artifacts.writing import write
from flori.core.recipe import Recipe
from flori.data import families
from flori.data.codec import Codec
from flori.data.numbered import Numbered
from flori.evaluation.judged import Judged
from flori.recipes.run import load
from flori.recipes.tasks import task_of

FILE = "predictions.csv"
Answer = tuple[str, str, str]
"""Truth, answer, and the answer's probability where there is one."""


def write_predictions(folder: RunFolder, recipe: Recipe, runs: Sequence[str]) -> dict[str, int]:
    """Write predictions.csv, in the order of the data; how many examples each run was judged by.

    Its columns: the example's number in the data from 1 on, where it is from, the fold, the truth, the answer, and for
    classes the answer's probability. Raises UserError where the data has changed.
    """
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for number, name in enumerate(families.names(recipe.data), 1):
        places[name].append(number)
    lines: list[tuple[int, str, int, str, str, str]] = []
    counts: dict[str, int] = {}
    for fold, run in enumerate(runs, 1):
        found = _held_out(folder, run)
        lines += [(places[name].popleft(), name, fold, *answer) for name, answer in found]
        counts[run] = len(found)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    chances = any(line[-1] for line in lines)
    table.writerow(["row", "name", "fold", "truth", "answer", *(["probability"] if chances else [])])
    table.writerows(line if chances else line[:-1] for line in sorted(lines))
    write(folder.path / FILE, text.getvalue())
    return counts


def _held_out(folder: RunFolder, name: str) -> list[tuple[str, Answer]]:
    """The name and the answer of each example of the test part of a run."""
    run = load(folder.path / name)
    predictor = run.predictor()
    part: Any = run.parts(predictor.codec)["test"]
    names = part.texts.names if isinstance(part, Numbered) else part.names
    judged = task_of(predictor.codec, run.recipe.training).judge(predictor, part, True)
    return list(zip(names, _answers(predictor.codec, part, judged), strict=True))


def _answers(codec: Codec, part: Any, judged: Judged) -> list[Answer]:
    if codec.task == "classification":
        chances, numbers = judged.answers.double().softmax(1).max(1)
        said = zip(part.targets.tolist(), numbers.tolist(), chances.tolist(), strict=True)
        return [(codec.labels[truth], codec.labels[answer], repr(chance)) for truth, answer, chance in said]
    if codec.task == "regression":
        truth, found = (codec.scale.invert(t).tolist() for t in (part.targets, judged.answers))  # type: ignore[attr-defined]
        return [(f"{y:.12g}", repr(answer), "") for y, answer in zip(truth, found, strict=True)]
    if codec.task == "tagging":
        tags = zip(part.texts.tags, judged.answers, strict=True)
        return [(" ".join(truth), " ".join(answer), "") for truth, answer in tags]
    return [(truth, answer, "") for truth, answer in zip(part.texts.targets, judged.answers, strict=True)]
