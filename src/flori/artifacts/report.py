"""report.html: what a run reached, how it went, and what it gets wrong; its pictures as PNG beside it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import torch
from torch import Tensor

from flori.artifacts.inside import looking_inside
from flori.artifacts.kernel import kernel_regression
from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.artifacts.writing import write
from flori.data.examples import Part
from flori.data.picture_files import in_memory
from flori.data.preparing import Codec
from flori.evaluation import classification, plots, regression

SHOWN = 24
CLASSES_SHOWN = 50  # of more classes those of lowest f1, the others folded away
CONFUSIONS = 20


def write_report(
    folder: Path,
    summary: dict[str, Any],
    recipe: dict[str, Any],
    metrics: list[dict[str, Any]],
    per_epoch: int,
    judged: tuple[str, Part, Tensor],
    predictor: Predictor,
) -> None:
    """Write the report of a run into its folder.

    Args:
        judged: the part that the examples are taken from: its name, the part, and the outputs for it.
        predictor: the trained network, whose filters and feature maps are shown if it has convolutions.
    """
    (name, part, outputs), codec = judged, predictor.codec
    if codec.task == "classification":
        sections, score = _classification(folder, name, part, outputs, codec), classification.BETTER[0]
        sections += looking_inside(folder, predictor, part)
    else:
        sections, score = _regression(folder, name, part, outputs, codec), regression.BETTER[0]
        sections += kernel_regression(folder, predictor, name, part)
    save(folder, "curves.png", plots.curves(metrics, score, per_epoch))
    settings = tuple((key, _text(value)) for key, value in recipe.items())
    page = jinja2.Environment(autoescape=True).from_string(files("flori.artifacts").joinpath("report.html").read_text())
    html = page.render(
        title=f"{summary['system']} on {Path(summary['data']).name}",
        about=_about(summary),
        tiles=_tiles(summary["scores"]),
        sections=[
            Section("How it went", picture="curves.png"),
            *sections,
            *_beginning(folder),
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


def _classification(folder: Path, name: str, part: Part, logits: Tensor, codec: Codec) -> list[Section]:
    counts = classification.confusion(logits.argmax(1), part.targets, len(codec.labels))
    matrix = save(folder, "confusion.png", plots.confusion(counts, codec.labels))
    sections = [Section(f"What is taken for what ({name})", _how_to_read(len(codec.labels)), picture=matrix)]
    if len(codec.labels) > plots.MOST_COUNTED:
        sections.append(_confusions(counts, codec.labels))
    sections.append(_by_class(classification.tables(logits, part.targets, codec.labels)["per_class"]))
    wrong = classification.mistakes(logits, part.targets, SHOWN)
    if not wrong:
        return [*sections, Section("Most confidently wrong", text=f"Nothing: every {name} example is right.")]
    return [*sections, _wrong(folder, part, wrong, codec)]


def _how_to_read(classes: int) -> str:
    if classes <= plots.MOST_NAMED:
        return ""
    side = plots.pooled(classes)
    cell = f" A cell shows the largest share among {side}×{side} pairs of classes." if side > 1 else ""
    return f"The {classes:,} classes are numbered from 0 in the order of their names.{cell}"


def _confusions(counts: Tensor, labels: list[str]) -> Section:
    sizes = counts.sum(1).tolist()
    rows = tuple(
        (f"{labels[truth]} → {labels[said]}", f"{often:,}", f"{sizes[truth]:,}")
        for truth, said, often in classification.confused(counts, CONFUSIONS)
    )
    head = ("truth → answer", "times", "examples of the truth")
    return Section("Most often confused", text="" if rows else "Nothing.", head=head, rows=rows)


def _by_class(per_class: dict[str, dict[str, float]]) -> Section:
    many = len(per_class) > CLASSES_SHOWN
    shown = classification.weakest_first(per_class) if many else per_class
    rows = tuple(
        (label, *(f"{one[key]:.4f}" for key in ("precision", "recall", "f1")), f"{one['examples']:,}")
        for label, one in shown.items()
    )
    text = f"The {CLASSES_SHOWN} of lowest f1 first; the others are folded away." if many else ""
    head = ("class", "precision", "recall", "f1", "examples")
    return Section("By class", text, head=head, rows=rows[:CLASSES_SHOWN], folded=rows[CLASSES_SHOWN:])


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
        picture = save(folder, "mistakes.png", plots.gallery(images, titles))
    return Section(
        "Most confidently wrong",
        picture=picture,
        head=("example", "truth", "answer", "probability"),
        rows=rows,
    )


def _regression(folder: Path, name: str, part: Part, outputs: Tensor, codec: Codec) -> list[Section]:
    predicted, truth = codec.scale.invert(outputs), codec.scale.invert(part.targets)
    picture = save(folder, "errors.png", plots.scatter(predicted, truth, codec.target))
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
