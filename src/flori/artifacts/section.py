"""What a report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from flori.artifacts.writing import saying_why


@dataclass(frozen=True)
class Section:
    """A heading with a text, a picture, or a table whose first column is words and the others numbers, unless all are
    `words`; `folded` are more rows, seen when asked for."""

    title: str
    text: str = ""
    picture: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    folded: tuple[tuple[str, ...], ...] = ()
    words: bool = False


def save(folder: Path, name: str, figure: Figure) -> str:
    """Write a figure into the folder; its name."""
    with saying_why(folder / name):
        figure.savefig(folder / name)
    return name
