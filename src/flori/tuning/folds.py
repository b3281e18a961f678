"""Cross-validation: a recipe judged K times, each time by a fold of the data that it did not learn from.

Each fold is a run of its own, ``data.folds=K data.fold=I``, in DIR/fold-I; what it prepares its inputs by is fitted on
the other folds alone (Hastie, Tibshirani and Friedman, "The elements of statistical learning", 7.10).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

import flori
from flori.artifacts.run_folder import RunFolder
from flori.core.errors import UserError
from flori.core.recipe import Recipe, replace, settings
from flori.data.codec import Codec
from flori.recipes.run import load
from flori.recipes.tasks import task_of
from flori.tuning.predictions import write_predictions
from flori.tuning.several import open_several

KIND = "crossval"
MOST = 10_000  # folds; each is a run


def begin_folds(recipe: Recipe, number: int, group: str | None, run: str | None, command: str) -> RunFolder:
    """The folder of a cross-validation, new or begun with the same settings. Raises UserError for what cannot be."""
    if number < 2:
        raise UserError(f"--folds {number}: two are the least; usual are 5 or 10")
    if number > MOST:
        raise UserError(f"--folds {number}: {MOST:,} are the most, for each is a run; usual are 5 or 10")
    if recipe.data.folds is not None or recipe.data.fold is not None:
        raise UserError("--folds says how many folds there are, and each is a run; leave data.folds and data.fold out")
    return open_several(KIND, _grouped(recipe, group), {"folds": number}, run, command)


def _grouped(recipe: Recipe, group: str | None) -> Recipe:
    if group is None:
        return recipe
    if "data.group" not in settings(recipe):
        raise UserError(f"--group {group}: rows of a table have groups; {recipe.system} learns from text")
    return replace(recipe, {"data.group": group})


def fold_recipes(recipe: Recipe, number: int) -> dict[str, Recipe]:
    """The recipe of each fold by the name of its folder."""
    return {f"fold-{i}": replace(recipe, {"data.folds": number, "data.fold": i}) for i in range(1, number + 1)}


def small_classes(parts: Mapping[str, Any], codec: Codec, number: int) -> list[str]:
    """Remarks on classes that have fewer examples than there are folds.

    Args: parts: those of one fold.
    """
    if codec.task != "classification":
        return []
    targets = torch.cat([part.targets for part in parts.values()])
    counts = targets.bincount(minlength=len(codec.labels)).tolist()
    return [
        f"class {label!r} has {count} example{'s' * (count > 1)} for {number} folds: not every fold is judged by it"
        + (", and the one that is has not learnt it" if count == 1 else "")
        for label, count in zip(codec.labels, counts, strict=True)
        if 0 < count < number
    ]


def finish_folds(folder: RunFolder, recipe: Recipe, number: int) -> dict[str, Any]:
    """Write predictions.csv, report.html and summary.json of folds that are all done; the summary."""
    names = list(fold_recipes(recipe, number))
    examples = write_predictions(folder, recipe, names)
    by_fold: list[dict[str, Any]] = [
        {"fold": i, "run": name, "examples": examples[name], **_reached(RunFolder(folder.path / name))}
        for i, name in enumerate(names, 1)
    ]
    summary = {
        "status": "done",
        "system": recipe.system,
        "data": recipe.data.source,
        "folds": number,
        "group": getattr(recipe.data, "group", None),
        "seed": recipe.seed,
        "best": task_of(load(folder.path / names[0]).predictor().codec, recipe.training).best[0],
        **spread([one["scores"] for one in by_fold]),
        "by_fold": by_fold,
        "seconds": round(sum(one["seconds"] for one in by_fold), 3),
        "predictions": "predictions.csv",
        "version": flori.__version__,
    }
    from flori.tuning.pages import fold_page  # brings matplotlib, which training does not wait for

    fold_page(folder, summary, recipe)
    folder.write("summary.json", summary)
    return summary


def _reached(run: RunFolder) -> dict[str, Any]:
    summary = run.read("summary.json")
    return {"scores": summary["scores"]["test"], "seconds": summary["seconds"]}


def spread(scores: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """`mean` and `deviation` (of a sample: over K − 1) of each score that all K have."""
    names = [name for name in scores[0] if all(name in one for one in scores)]
    mean = {name: math.fsum(one[name] for one in scores) / len(scores) for name in names}
    squares = {name: math.fsum((one[name] - mean[name]) ** 2 for one in scores) for name in names}
    return {"mean": mean, "deviation": {name: math.sqrt(squares[name] / (len(scores) - 1)) for name in names}}
