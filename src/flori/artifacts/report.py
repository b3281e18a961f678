"""report.html: what a run reached, how it went, and what it gets wrong; its pictures as PNG beside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import torch
from matplotlib.figure import Figure
from torch import Tensor

from flori.artifacts.writing import saying_why, write
from flori.data.examples import Part
from flori.data.picture_files import in_memory
from flori.data.preparing import Codec
from flori.evaluation import classification, plots, regression

SHOWN = 24


@dataclass(frozen=True)
class Section:
    """A heading with a text, a picture, or a table whose first column is words and the others numbers."""

    title: str
    text: str = ""
    picture: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def write_report(
    folder: Path,
    summary: dict[str, Any],
    recipe: dict[str, Any],
    metrics: list[dict[str, Any]],
    per_epoch: int,
    judged: tuple[str, Part, Tensor],
    codec: Codec,
) -> None:
    """Write the report of a run into its folder.

    Args:
        judged: the part that the examples are taken from: its name, the part, and the outputs for it.
    """
    name, part, outputs = judged
    if codec.task == "classification":
        sections, score = _classification(folder, name, part, outputs, codec), classification.BETTER[0]
    else:
        sections, score = _regression(folder, name, part, outputs, codec), regression.BETTER[0]
    _save(folder, "curves.png", plots.curves(metrics, score, per_epoch))
    settings = tuple((key, _text(value)) for key, value in recipe.items())
    page = jinja2.Environment(autoescape=True).from_string(files("flori.artifacts").joinpath("report.html").read_text())
    html = page.render(
        title=f"{summary['system']} on {Path(summary['data']).name}",
        about=_about(summary),
        tiles=_tiles(summary["scores"]),
        sections=[
            Section("How it went", picture="curves.png"),
            *sections,
            Section("The recipe", head=("setting", "value"), rows=settings),
        ],
        folder=folder,
        example="PICTURE.png" if len(codec.shape) == 3 else "ROWS.csv",
    )
    write(folder / "report.html", html)


def _about(summary: dict[str, Any]) -> str:
    return (
        f"{summary['parameters']:,} parameters · {summary['epochs']:g} epochs, {summary['steps']:,} steps in "
        f"{summary['seconds']:.1f} s ({summary['examples_per_second']:,.0f} examples a second) · "
        f"{summary['device']}, {summary['precision']} · {summary['status']} · flori {summary['version']}"
    )


def _tiles(scores: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    return [(f"{part} {name}", f"{value:.4g}") for part, found in scores.items() for name, value in found.items()]


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _save(folder: Path, name: str, figure: Figure) -> str:
    with saying_why(folder / name):
        figure.savefig(folder / name)
    return name


def _classification(folder: Path, name: str, part: Part, logits: Tensor, codec: Codec) -> list[Section]:
    counts = classification.confusion(logits.argmax(1), part.targets, len(codec.labels))
    table = classification.per_class(counts)
    rows = tuple(
        (
            label,
            *(f"{float(table[key][i]):.4f}" for key in ("precision", "recall", "f1")),
            f"{int(table['examples'][i]):,}",
        )
        for i, label in enumerate(codec.labels)
    )
    matrix = _save(folder, "confusion.png", plots.confusion(counts, codec.labels))
    sections = [
        Section(f"What is taken for what ({name})", picture=matrix),
        Section("By class", head=("class", "precision", "recall", "f1", "examples"), rows=rows),
    ]
    wrong = classification.mistakes(logits, part.targets, SHOWN)
    if not wrong:
        return [*sections, Section("Most confidently wrong", text=f"Nothing: every {name} example is right.")]
    return [*sections, _wrong(folder, part, wrong, codec)]


def _wrong(folder: Path, part: Part, wrong: list[tuple[int, int, float]], codec: Codec) -> Section:
    truth = [codec.labels[int(part.targets[i])] for i, _, _ in wrong]
    rows = tuple(
        (part.names[i], right, codec.labels[said], f"{chance:.3f}")
        for (i, said, chance), right in zip(wrong, truth, strict=True)
    )
    picture = ""
    if len(part.inputs.shape) == 4:
        titles = [
            f"{codec.labels[said]} {chance:.2f}\nis {right}"
            for (_, said, chance), right in zip(wrong, truth, strict=True)
        ]
        images = in_memory(part.inputs[torch.tensor([i for i, _, _ in wrong])])
        picture = _save(folder, "mistakes.png", plots.gallery(images, titles))
    return Section(
        "Most confidently wrong",
        picture=picture,
        head=("example", "truth", "answer", "probability"),
        rows=rows,
    )


def _regression(folder: Path, name: str, part: Part, outputs: Tensor, codec: Codec) -> list[Section]:
    predicted, truth = codec.scale.invert(outputs), codec.scale.invert(part.targets)
    picture = _save(folder, "errors.png", plots.scatter(predicted, truth, codec.target))
    rows = tuple(
        (
            part.names[i],
            f"{float(truth[i]):.6g}",
            f"{float(predicted[i]):.6g}",
            f"{float(predicted[i] - truth[i]):+.4g}",
        )
        for i in regression.worst(predicted, truth, SHOWN)
    )
    return [
        Section(f"Answers against truth ({name})", picture=picture),
        Section("Largest errors", head=("example", "truth", "answer", "error"), rows=rows),
    ]
