"""What a run comes to: how its best weights do on what was not learnt from, and all that is written of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from flori.artifacts.predictor import Predictor
from flori.artifacts.run_folder import RunFolder
from flori.core.recipe import values
from flori.recipes.assembly import Assembly
from flori.recipes.stating import model_options

Scores = dict[str, dict[str, float]]


def take_best(run: Assembly) -> None:
    """Put the weights back that were judged best, where patience kept some."""
    if run.state.best:
        run.state.learnt.load_state_dict(run.state.best)


def judged(run: Assembly, predictor: Predictor) -> dict[str, Any]:
    """By name of the part how a predictor does on it: valid and test, as far as there are any."""
    parts = [part for part in ("valid", "test") if part in run.data.parts]
    return {part: run.task.judge(predictor, run.data.parts[part], True) for part in parts}


def not_numbers(run: Assembly, scores: Scores) -> dict[str, str]:
    """Where a network of finite weights puts out what is no number: what to say of it, by what it is about."""
    lr = run.recipe.training.lr
    why = (
        f"either weights grew too large (a lower learning rate than {lr:g} or training.clip=1 helps), or a number in "
        "that part is far out (data.clip=3)"
    )
    bad = [part for part, found in scores.items() if math.isnan(found.get("loss", 0.0))]
    what = "the loss of the {part} part is not a number, and answers are worth nothing: {why}"
    return {f"loss of {part}": what.format(part=part, why=why) for part in bad}


def write_model(folder: RunFolder, run: Assembly, predictor: Predictor, scores: Scores) -> None:
    """The folder ``model/``, where this rank is the one that writes."""
    if folder.writes:
        predictor.save(folder.model, model_options(run), scores)


def write_page(
    folder: RunFolder, run: Assembly, predictor: Predictor, found: Mapping[str, Any], summary: dict[str, Any]
) -> None:
    """The page ``report.html`` about the last part that was judged, where this rank is the one that writes."""
    if not folder.writes:
        return
    from flori.artifacts.report import write_report  # brings matplotlib, which training does not wait for

    shown = [*found][-1]
    part = (shown, run.data.parts[shown], found[shown])
    settings, per_epoch = values(run.recipe), run.batches.per_epoch
    write_report(folder.path, summary, settings, folder.metrics(), per_epoch, part, predictor)
