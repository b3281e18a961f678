"""Results on standard output: tables for people, one JSON document for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def print_json(document: Any) -> None:
    """One JSON document; what JSON has no word for (a number that is none) becomes null."""
    print(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """A plain table; the columns in `numbers` stand to the right. It goes through a pipe unharmed."""
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=False)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i in numbers else "left", overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*[_plain(cell) for cell in row])
    if not console.is_terminal:
        console.width = 200
    console.print(table)


def _plain(cell: str) -> Any:
    from rich.text import Text

    return Text(cell)


def scores_text(scores: dict[str, float]) -> str:
    """Scores in a line: ``accuracy 0.9944  loss 0.01``, the loss last."""
    order = sorted(scores, key=lambda name: name == "loss")
    return "  ".join(f"{name} {scores[name]:.4g}" for name in order)
