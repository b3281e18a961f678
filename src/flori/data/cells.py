"""The cells of CSV and Parquet files; what is wrong is named with file and line."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flori.core.errors import Faults, UserError

MISSING = {"", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None", "<NA>", "#N/A", "?"}
MOST_BYTES = 2**30
MOST_COLUMNS = 100_000
SAID = {
    "unexpected end": "a quotation mark is opened here and never closed: nothing after it can be read",
    "field larger": f"a cell has more than {csv.field_size_limit():,} characters",
}


@dataclass(frozen=True)
class Cells:
    """A table as read, before it is known what it is for: names of columns, cells as text or numbers."""

    path: Path
    frame: pd.DataFrame
    lines: list[int]  # the line (CSV) or row (Parquet), counted from 1, of each row
    word: str = "line"

    def place(self, row: int) -> str:
        return f"{self.path}, {self.word} {self.lines[row]}"


def read_cells(path: Path, encoding: str = "utf-8", faults: Faults | None = None) -> Cells:
    """The cells of a CSV (any of the usual separators, with or without header) or Parquet file."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return _read_parquet(path)
        return _read_csv(path, encoding, Faults() if faults is None else faults)
    except OSError as problem:
        raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from None


def _read_parquet(path: Path) -> Cells:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        _names(str(path), pa.parquet.read_schema(path).names)
        frame = pd.read_parquet(path)
    except UserError:
        raise
    except (pa.ArrowException, ValueError) as problem:
        raise UserError(f"{path} is not a Parquet file that can be read: {problem}") from None
    frame.columns = frame.columns.map(str)
    if frame.empty:
        raise UserError(f"{path} holds no rows")
    return Cells(path, frame.reset_index(drop=True), list(range(1, len(frame) + 1)), "row")


def _read_csv(path: Path, encoding: str, faults: Faults) -> Cells:
    text = _text(path, encoding)
    separator = _separator(text)
    rows, lines = _records(path, text, separator, faults)
    header = _is_header(rows[0])
    numbered = [f"column{i + 1}" for i in range(len(rows[0]))]
    columns = _names(f"{path}, line {lines[0]}", rows[0]) if header else numbered
    if len(columns) > MOST_COLUMNS:
        raise UserError(f"{path} has {len(columns):,} columns; more than {MOST_COLUMNS:,} are not read")
    rows, lines = (rows[1:], lines[1:]) if header else (rows, lines)
    good = [len(row) == len(columns) for row in rows]
    for row, line, whole in zip(rows, lines, good, strict=True):
        if not whole:
            faults.add(f"{path}, line {line}", f"has {len(row)} cells where the first row has {len(columns)}")
    if not any(good):
        faults.stop_if_any(str(path))
        raise UserError(f"{path} holds a header but no rows")
    kept = [row for row, whole in zip(rows, good, strict=True) if whole]
    frame = pd.DataFrame(kept, columns=columns, dtype=object)
    return Cells(path, frame, [line for line, whole in zip(lines, good, strict=True) if whole])


def _text(path: Path, encoding: str) -> str:
    size = path.stat().st_size
    if size == 0:
        raise UserError(f"{path} is empty")
    if size > MOST_BYTES:
        raise UserError(f"{path} is larger than {MOST_BYTES / 2**30:g} GiB; save it as Parquet, which is read faster")
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) and encoding == "utf-8":
        encoding = "utf-16"
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except LookupError:
        hint = "utf-8, latin-1 and utf-16 are common"
        raise UserError(f"{path}: data.encoding={encoding} is not an encoding; {hint}") from None
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        hint = "data.encoding=latin-1 or the right one reads it"
        raise UserError(
            f"{path}, line {line}: is not {encoding} text (byte 0x{raw[problem.start]:02x}); {hint}"
        ) from None
    except UnicodeError as problem:
        raise UserError(f"{path}: is not {encoding} text: {problem}") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{path}, line {line}: holds a zero byte, so it is no text table")
    return text


def _separator(text: str) -> str:
    """The one of , tab ; | that cuts the first lines into the same number of cells, the most."""
    head = list(itertools.islice(_lines(text), 20))

    def cells(separator: str) -> tuple[bool, int]:
        counts = []
        with contextlib.suppress(csv.Error):  # it is reported when the whole is read
            for row in csv.reader(head, delimiter=separator):
                counts += [len(row)] if row else []
        return (len(set(counts)) == 1 and counts[0] > 1, max(counts, default=0))

    return max((",", "\t", ";", "|"), key=cells)


def _lines(text: str) -> io.StringIO:
    """The lines of a text with their ends; unlike in `splitlines`, a form feed or U+2028 ends none."""
    return io.StringIO(text, newline="")


def _records(path: Path, text: str, separator: str, faults: Faults) -> tuple[list[list[str]], list[int]]:
    """Rows and the line that each begins on; blank lines are passed over."""
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    rows, lines, before = [], [], 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as problem:
            reasons = [reason for start, reason in SAID.items() if str(problem).startswith(start)]
            faults.add(f"{path}, line {before + 1}", f"cannot be read: {reasons[0] if reasons else problem}")
            if reader.line_num == before:
                break
            row = []
        if row is None:
            break
        if any(cell.strip() for cell in row):
            rows.append([cell.strip() for cell in row])
            lines.append(before + 1)
        before = reader.line_num
    if not rows:
        faults.stop_if_any(str(path))
        raise UserError(f"{path} holds no rows")
    return rows, lines


def _is_header(row: list[str]) -> bool:
    return not any(_is_number(cell) for cell in row)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
        return cell not in MISSING
    except ValueError:
        return False


def _names(place: str, row: list[str]) -> list[str]:
    names = [name or f"unnamed{i + 1}" for i, name in enumerate(row)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{place}: two columns are called {twice[0]!r}; give each its own name")
    return names
