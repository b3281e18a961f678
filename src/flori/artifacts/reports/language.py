"""Language: what the network writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section
from flori.evaluation import language
from flori.evaluation.judged import Judged
from flori.prediction.wishes import Wishes

SCORE = language.BETTER[0]
GIVEN, WRITTEN = 40, 300  # tokens
TEMPERATURES = (0.5, 0.8, 1.0)


def sections(folder: Path, name: str, part: Any, judged: Judged, predictor: Predictor) -> list[Section]:
    """Continuations of the beginning of a part, at several temperatures."""
    words = predictor.codec.vocabulary
    given = words.decode(part.tokens[:GIVEN].tolist())
    rows = [
        (f"{temperature:g}", predictor.predict([given], Wishes(length=WRITTEN, temperature=temperature))[0]["text"])
        for temperature in TEMPERATURES
    ]
    text = f"The beginning of the {name} part, “{given}”, and how the network goes on at each temperature."
    return [Section("What it writes", text=text, head=("temperature", "text"), rows=tuple(rows), words=True)]
