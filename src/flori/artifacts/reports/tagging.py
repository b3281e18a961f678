"""Tagging: scores by type of span, and sentences that were tagged wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section
from flori.evaluation import tagging
from flori.evaluation.judged import Judged
from flori.prediction.tagging import spans

SCORE = tagging.BETTER[0]
SHOWN = 20


def sections(folder: Path, name: str, part: Any, judged: Judged, predictor: Predictor) -> list[Section]:
    """Precision, recall and F1 by type, and what was missed or made up."""
    by_type = tagging.tables(judged.answers, part.texts.tags)["per_class"]
    rows = tuple(
        (label, *(f"{one[key]:.4f}" for key in ("precision", "recall", "f1")), f"{one['examples']:,}")
        for label, one in by_type.items()
    )
    head = ("type", "precision", "recall", "f1", "spans")
    wrong = [
        (" ".join(words), _told(words, said), _told(words, truth))
        for words, said, truth in zip(part.texts.words, judged.answers, part.texts.tags, strict=True)
        if spans(said) != spans(truth)
    ]
    return [
        Section(f"By type ({name})", head=head, rows=rows),
        Section("Tagged wrongly", head=("sentence", "answer", "truth"), rows=tuple(wrong[:SHOWN]), words=True),
    ]


def _told(words: list[str], tags: list[str]) -> str:
    return "\n".join(f"{span.label}: {' '.join(words[span.start : span.end])}" for span in spans(tags)) or "–"
