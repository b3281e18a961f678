"""report.html: what a run reached, how it went, and what it gets wrong; its pictures as PNG beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.artifacts.writing import write
from flori.data.codec import Part
from flori.evaluation import plots
from flori.evaluation.judged import Judged


def write_report(
    folder: Path,
    summary: dict[str, Any],
    recipe: dict[str, Any],
    metrics: list[dict[str, Any]],
    per_epoch: int,
    judged: tuple[str, Part, Judged],
    predictor: Predictor,
) -> None:
    """Write the report of a run into its folder.

    Args:
        judged: the part that the examples are taken from: its name, the part, and what it says of the network.
        predictor: the trained network, to look into.
    """
    task = import_module(f"flori.artifacts.reports.{predictor.codec.task}")
    sections = task.sections(folder, *judged, predictor)
    save(folder, "curves.png", plots.curves(metrics, task.SCORE, per_epoch))
    title = f"{summary['system']} on {Path(summary['data']).name}"
    course = Section("How it went", summary.get("remark", ""), picture="curves.png")
    sections = [course, *sections, *_beginning(folder), recipe_section(recipe)]
    write_page(folder, title, _about(summary), _tiles(summary["scores"]), sections, going_on(folder, predictor))


def write_page(
    folder: Path,
    title: str,
    about: str,
    tiles: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    commands: Sequence[str],
) -> None:
    """Write report.html into a folder: `tiles` are names and values that stand out, `commands` what to go on with."""
    template = files("flori.artifacts").joinpath("report.html").read_text()
    shown = {"title": title, "about": about, "tiles": tiles, "sections": sections, "commands": commands}
    write(folder / "report.html", jinja2.Environment(autoescape=True).from_string(template).render(shown))


def going_on(run: Path, predictor: Predictor) -> list[str]:
    """The commands that go on with a trained run."""
    return [f"flori evaluate {run}", f"flori predict {run} {predictor.codec.example}"]


def recipe_section(recipe: dict[str, Any]) -> Section:
    """All settings of a recipe."""
    rows = tuple((key, _text(value)) for key, value in recipe.items())
    return Section("The recipe", head=("setting", "value"), rows=rows)


def _about(summary: dict[str, Any]) -> str:
    return (
        f"{summary['parameters']:,} parameters · {summary['epochs']:g} epochs, {summary['steps']:,} steps in "
        f"{summary['seconds']:.1f} s ({summary['examples_per_second']:,.0f} examples a second) · "
        f"{summary['device']}, {summary['precision']} · {summary['status']} · flori {summary['version']}"
    )


def _beginning(folder: Path) -> list[Section]:
    """What became of the weights that the run began from, if it began from any."""
    if not (folder / "init.json").is_file():
        return []
    lines = json.loads((folder / "init.json").read_bytes())["report"]
    return [Section("What it began from", head=("loaded and left",), rows=tuple((line,) for line in lines))]


def _tiles(scores: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    return [(f"{part} {name}", f"{value:.4g}") for part, found in scores.items() for name, value in found.items()]


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
