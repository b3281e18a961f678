"""Results on standard output: tables for people, one JSON document for scripts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any


def print_json(document: Any) -> None:
    """One JSON document; what JSON has no word for (a number that is none) becomes null."""
    print(json.dumps(_sayable(document), indent=2, ensure_ascii=False, default=str, allow_nan=False))


def _sayable(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _sayable(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_sayable(value) for value in document]
    return None if isinstance(document, float) and not math.isfinite(document) else document


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """A plain table; the columns in `numbers` stand to the right.

    Without rich: `flori list` answers at once, and a pipe gets every line whole.
    """
    table = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [
            cell.rjust(wide) if i in numbers else cell.ljust(wide)
            for i, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def scores_text(scores: dict[str, float]) -> str:
    """Scores in a line: ``accuracy 0.9944  loss 0.01``, the loss last."""
    order = sorted(scores, key=lambda name: name == "loss")
    return "  ".join(f"{name} {scores[name]:.4g}" for name in order)
