"""Classes: confusions, scores of each class, mistakes, and what a network of convolutions sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flori.artifacts.inside import looking_inside
from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.data.codec import Codec
from flori.data.picture_files import in_memory
from flori.evaluation import classification, plots
from flori.evaluation.judged import Judged

SCORE = classification.BETTER[0]
SHOWN = 24
CLASSES_SHOWN = 50  # of more classes those of lowest f1, the others folded away
CONFUSIONS = 20


def sections(folder: Path, name: str, part: Any, judged: Judged, predictor: Predictor) -> list[Section]:
    """What is taken for what, the scores of each class, the surest mistakes, and what convolutions see."""
    looked = looking_inside(folder, predictor, part)
    return [*_judged(folder, name, part, judged.answers, predictor.codec), *looked]


def _judged(folder: Path, name: str, part: Any, logits: Tensor, codec: Codec) -> list[Section]:
    counts = classification.confusion(logits.argmax(1), part.targets, len(codec.labels))
    matrix = save(folder, "confusion.png", plots.confusion(counts, codec.labels))
    found = [Section(f"What is taken for what ({name})", _how_to_read(len(codec.labels)), picture=matrix)]
    if len(codec.labels) > plots.MOST_COUNTED:
        found.append(_confusions(counts, codec.labels))
    found.append(_by_class(classification.tables(logits, part.targets, codec.labels)["per_class"]))
    wrong = classification.mistakes(logits, part.targets, SHOWN)
    if not wrong:
        return [*found, Section("Most confidently wrong", text=f"Nothing: every {name} example is right.")]
    return [*found, _wrong(folder, part, wrong, codec)]


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


def _wrong(folder: Path, part: Any, wrong: list[tuple[int, int, float]], codec: Codec) -> Section:
    truth = [codec.labels[int(part.targets[i])] for i, _, _ in wrong]
    rows = tuple(
        (part.names[i], right, codec.labels[said], f"{chance:.3f}")
        for (i, said, chance), right in zip(wrong, truth, strict=True)
    )
    picture = ""
    if len(getattr(getattr(part, "inputs", None), "shape", ())) == 4:
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
