"""Tables of texts and their classes: CSV, Parquet, or tab-separated lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flori.core.errors import Faults, UserError
from flori.data.reading import lines
from flori.data.text_files import ends

CLASS_NAMES = {"label", "labels", "class", "target", "category", "sentiment", "y"}

Row = tuple[int, list[str]]


def rows(
    path: Path, target: str | None, text: str | None, encoding: str, faults: Faults
) -> Iterator[tuple[str, str, str]]:
    """The class, the text and the place of each good row; of others the faults.

    Args:
        target, text: their columns; None: that named as classes are, or of two that with less in it; of the others
            that with the most in it.
    """
    columns, found = _cells(path, encoding, faults)
    label_at, text_at = _columns(path, columns, found, target, text)
    for number, cells in found:
        if cells[label_at] and cells[text_at]:
            yield cells[label_at], cells[text_at], f"{path.name}:{number}"
        else:
            missing = columns[text_at] if cells[label_at] else columns[label_at]
            faults.add(f"{path}, line {number}", f"has no {missing}")


def _cells(path: Path, encoding: str, faults: Faults) -> tuple[list[str], list[Row]]:
    """The names of the columns, and the rows with their numbers. In a .tsv a quotation mark is a character as others
    are, as in the sets that come so; texts hold too many that are never closed."""
    if not ends(path, (".tsv", ".txt")):
        from flori.data.cells import read_cells  # brings pandas

        table = read_cells(path, encoding, faults)
        cells = table.frame.fillna("").astype(str).to_numpy().tolist()
        return [*table.frame.columns], list(zip(table.lines, cells, strict=True))
    return _split(path, lines(path, faults, encoding), faults)


def _split(path: Path, found: list[str | None], faults: Faults) -> tuple[list[str], list[Row]]:
    """The columns and rows of tab-separated lines. The first holds names unless one of them is a number."""
    rows = [(number, _stripped(line)) for number, line in enumerate(found, 1) if line and line.strip()]
    if not rows:
        raise UserError(f"{path} holds no rows")
    columns = rows[0][1]
    if any(cell.isdecimal() for cell in columns):
        columns = [f"column{i + 1}" for i in range(len(columns))]
    else:
        rows = rows[1:]
    for number, cells in rows:
        if len(cells) != len(columns):
            faults.add(f"{path}, line {number}", f"has {len(cells)} cells where the first row has {len(columns)}")
    return columns, [(number, cells) for number, cells in rows if len(cells) == len(columns)]


def _stripped(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t")]


def _columns(path: Path, columns: list[str], rows: list[Row], target: str | None, text: str | None) -> tuple[int, int]:
    """Which column is the class, and which the text."""
    for name in (target, text):
        if name is not None and name not in columns:
            raise UserError(f"{path} has no column {name!r}; it has {', '.join(columns)}")
    if len(columns) < 2:
        raise UserError(f"{path} has one column; a text and its class are two")
    lengths = [sum(len(cells[i]) for _, cells in rows) for i in range(len(columns))]
    if target is None:
        named = [i for i, name in enumerate(columns) if name.lower() in CLASS_NAMES]
        if not named and len(columns) > 2:
            raise UserError(f"{path}: say which column is the class with target=…; it has {', '.join(columns)}")
        target = columns[named[0] if named else lengths.index(min(lengths))]
    label_at = columns.index(target)
    if text is not None:
        return label_at, columns.index(text)
    return label_at, max((i for i in range(len(columns)) if i != label_at), key=lengths.__getitem__)
