"""report.html of runs that belong together: their scores beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flori.artifacts.report import going_on, recipe_section, write_page
from flori.artifacts.run_folder import RunFolder
from flori.artifacts.section import Section, save
from flori.core.recipe import Recipe, values
from flori.evaluation import selection_plots
from flori.recipes.run import load


def fold_page(folder: RunFolder, summary: dict[str, Any], recipe: Recipe) -> None:
    """The report of a cross-validation: scores by fold."""
    scores = [one["scores"] for one in summary["by_fold"]]
    picture = save(folder.path, "folds.png", selection_plots.by_run(_best_first(scores, summary["best"]), "fold"))
    names = list(summary["mean"])
    rows = [
        (one["run"], f"{one['examples']:,}", *(f"{one['scores'][name]:.4g}" for name in names))
        for one in summary["by_fold"]
    ]
    rows += [(what, "", *(f"{summary[what][name]:.4g}" for name in names)) for what in ("mean", "deviation")]
    grouped = f", rows of one {summary['group']} together" if summary["group"] else ""
    text = (
        "Each fold is judged by a network that learnt from the other folds; what prepares its inputs is fitted on "
        "those alone. predictions.csv holds the answer for every example."
    )
    write_page(
        folder.path,
        f"{summary['system']} on {Path(summary['data']).name}, {summary['folds']} folds",
        f"cross-validation{grouped} · {summary['seconds']:.1f} s of training · flori {summary['version']}",
        [(name, f"{summary['mean'][name]:.4g} ± {summary['deviation'][name]:.2g}") for name in names],
        [
            Section("By fold", text=text, picture=picture, head=("fold", "examples", *names), rows=tuple(rows)),
            recipe_section(values(recipe)),
        ],
        _going_on(folder.path / summary["by_fold"][0]["run"]),
    )


def bag_page(folder: RunFolder, summary: dict[str, Any], recipe: Recipe) -> None:
    """The report of an ensemble: its scores beside those of its members."""
    part = summary["part"]
    scores = [one["scores"] for one in summary["by_member"]]
    figure = selection_plots.by_run(_best_first(scores, summary["best"]), "member", summary["scores"][part])
    picture, names = save(folder.path, "members.png", figure), list(summary["mean"])
    rows = [(one["run"], *(f"{one['scores'][name]:.4g}" for name in names)) for one in summary["by_member"]]
    rows += [(what, *(f"{summary[what][name]:.4g}" for name in names)) for what in ("mean", "deviation")]
    rows.append(("together", *(f"{summary['scores'][part][name]:.4g}" for name in names)))
    drawn = "a training part drawn anew with replacement" if summary["bootstrap"] else "the whole training part"
    text = f"The members differ in their seed; each learnt from {drawn}. All are judged by the same {part} part."
    write_page(
        folder.path,
        f"{summary['members']} × {summary['system']} on {Path(summary['data']).name}",
        f"{summary['parameters']:,} parameters · {summary['seconds']:.1f} s of training · flori {summary['version']}",
        [(f"{part} {name}", f"{summary['scores'][part][name]:.4g}") for name in names],
        [
            Section("By member", text=text, picture=picture, head=("member", *names), rows=tuple(rows)),
            recipe_section(values(recipe)),
        ],
        _going_on(folder.path),
    )


def _going_on(run: Path) -> list[str]:
    return going_on(run, load(run).predictor())


def _best_first(scores: list[dict[str, float]], best: str) -> list[dict[str, float]]:
    """The scores in the order of what counts most, which is drawn where there are too many."""
    return [{best: one[best], **one} for one in scores]
