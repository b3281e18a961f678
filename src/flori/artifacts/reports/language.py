"""Language: what the network writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flori.artifacts.answering.language import continued
from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section
from flori.core.errors import UserError
from flori.evaluation import language
from flori.evaluation.judged import Judged
from flori.prediction.wishes import Wishes

SCORE = language.BETTER[0]
GIVEN, WRITTEN = 40, 300  # tokens
TEMPERATURES = (0.5, 0.8, 1.0)


def sections(folder: Path, name: str, part: Any, judged: Judged, predictor: Predictor) -> list[Section]:
    """Continuations of the beginning of a part, at several temperatures."""
    given = part.tokens[:GIVEN].tolist()
    try:
        rows = [
            (f"{temperature:g}", continued(predictor, given, Wishes(length=WRITTEN, temperature=temperature))["text"])
            for temperature in TEMPERATURES
        ]
    except UserError as problem:
        return [Section("What it writes", text=f"Nothing: {problem}.")]
    begun = predictor.codec.vocabulary.decode(given)  # type: ignore[attr-defined]
    text = f"The beginning of the {name} part, “{begun}”, and how the network goes on at each temperature."
    return [Section("What it writes", text=text, head=("temperature", "text"), rows=tuple(rows), words=True)]
