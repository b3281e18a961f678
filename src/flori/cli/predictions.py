"""predictions.csv: what `flori predict --out` writes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any


def write_predictions(folder: Path, predictions: list[dict[str, Any]], codec: Any) -> None:
    """A line for each input under a header. Of a table that names its rows it is a submission: their names and the
    answers alone, under the names of the table's own columns."""
    from flori.artifacts.writing import saying_why, write

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if "id" in predictions[0]:
        table.writerow([codec.identifier, codec.target])
        table.writerows([p.get("id", ""), repr(p["value"]) if "value" in p else p["label"]] for p in predictions)
    else:
        table.writerow(_header(predictions[0], getattr(codec, "target", "")))
        table.writerows(_line(prediction) for prediction in predictions)
    with saying_why(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write(folder / "predictions.csv", text.getvalue())


def _header(prediction: dict[str, Any], target: str) -> list[str]:
    """The best label and its probability, then the next ones numbered; or the name of the number predicted."""
    if "value" in prediction:
        return ["input", target]
    if "text" in prediction:
        return ["input", "text", "score"]
    if "spans" in prediction:
        return ["input", "spans"]
    numbers = range(2, len(prediction["top"]) + 1)
    return ["input", "label", "probability", *(f"{name}{i}" for i in numbers for name in ("label", "probability"))]


def _line(prediction: dict[str, Any]) -> list[str]:
    if "value" in prediction:
        return [prediction["input"], repr(prediction["value"])]
    if "text" in prediction:
        return [prediction["input"], prediction["text"], repr(prediction["score"])]
    if "spans" in prediction:
        return [prediction["input"], "; ".join(f"{s['label']}: {s['text']}" for s in prediction["spans"])]
    return [prediction["input"], *(cell for label, chance in prediction["top"] for cell in (label, repr(chance)))]
