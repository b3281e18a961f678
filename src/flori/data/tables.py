"""CSV and Parquet → rows with numbers and texts by column; what is wrong is named with file, line and column."""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from flori.core.errors import Fault, Faults, UserError, listing
from flori.data.examples import Rows, TableSet

ENDINGS = {".csv", ".tsv", ".txt", ".dat", ".data", ".parquet", ".pq"}
MISSING = {"", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None", "<NA>", "#N/A", "?"}
MOST_BYTES = 2**30
MOST_COLUMNS = 100_000
LARGEST = 1e100  # the squares of numbers, and their sums, must be finite too
NUMBERS_SHARE = 0.8  # a column with at least this share of numbers is one of numbers, the rest are faults
IDENTIFIERS = {"id", "index", "unnamed", ""}
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


def read_table(
    path: Path,
    target: str | None,
    *,
    ignore: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    encoding: str = "utf-8",
    on_bad: str = "stop",
) -> TableSet:
    """A table for learning `target` from the other columns.

    Columns whose cells are numbers become float64 with NaN where missing, others text with None. Rows of an
    unknown target are faults. Raises UserError listing all faults unless `on_bad` is ``skip``.
    """
    if target is None:
        columns = _listed(read_cells(path, encoding).frame.columns)
        raise UserError(f"{path}: say which column to predict with target=…; it has {columns}")
    table = describe(path, target, ignore=ignore, categories=categories, encoding=encoding)
    rows = table.parts["train"]
    if on_bad == "stop":
        Faults(table.skipped).stop_if_any(str(path), "data.on_bad=skip leaves these rows out.")
    if not len(rows):
        raise UserError(listing([*table.skipped, Fault(str(path), "no good row is left")], str(path)))
    if rows.frame.shape[1] < 2:
        raise UserError(f"{path}: beside the target {target!r} no column is left to learn from")
    return table


def describe(
    path: Path,
    target: str = "",
    *,
    ignore: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    encoding: str = "utf-8",
) -> TableSet:
    """The good rows of a table, with all that is wrong with the others; the target may be unknown yet.

    Raises UserError where the table cannot be read as a whole.
    """
    faults = Faults()
    cells = read_cells(path, encoding, faults)
    for name in (*([target] if target else []), *ignore, *categories):
        _must_have(cells, name)
    if target in ignore:
        raise UserError(f"{path}: data.ignore={target} leaves out the very column to predict")
    frame, notes = _typed(cells, {target, *categories}, set(categories), set(ignore), faults)
    bad = {fault.where for fault in faults.found}
    good = np.array([cells.place(i) not in bad for i in range(len(frame))], dtype=bool)
    if target:
        for i in np.flatnonzero(frame[target].isna().to_numpy() & good):
            faults.add(cells.place(int(i)), f"the target {target!r} is missing")
            good[i] = False
    names = [f"{path.name}:{cells.lines[i]}" for i in np.flatnonzero(good)]
    return TableSet({"train": Rows(frame[good], names)}, target, faults.found, notes)


def read_rows(path: Path, kinds: Mapping[str, str], encoding: str = "utf-8") -> Rows:
    """All rows of a table, to predict from. Raises UserError listing all faults.

    `kinds` has the columns that count, each a "number" or "category"; what is in others is no matter.
    """
    faults = Faults()
    cells = read_cells(path, encoding, faults)
    known = [name for name in cells.frame.columns if name in kinds]
    frame = pd.DataFrame({name: _column(cells, name, kinds[name], faults) for name in known})
    faults.stop_if_any(str(path))
    return Rows(frame, [f"{path.name}:{line}" for line in cells.lines])


def _must_have(cells: Cells, name: str) -> None:
    if name not in cells.frame.columns:
        near = difflib.get_close_matches(name, list(cells.frame.columns), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"{cells.path} has no column {name!r}; {hint}it has {_listed(cells.frame.columns)}")


def _listed(names: pd.Index[str]) -> str:
    shown = ", ".join(map(str, names[:30]))
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")


# --- reading -------------------------------------------------------------------------------------------


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
        raise UserError(f"{path}, line {line}: is not {encoding} text (byte 0x{raw[problem.start]:02x}); {hint}") from None
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


# --- typing --------------------------------------------------------------------------------------------


def _typed(
    cells: Cells, wanted: set[str], categories: set[str], ignored: set[str], faults: Faults
) -> tuple[pd.DataFrame, list[str]]:
    """Each column as numbers or texts; columns that cannot help are left out and noted."""
    typed, notes = {}, []
    for name in cells.frame.columns:
        if name in ignored:
            continue
        column = _column(cells, name, "category" if name in categories else None, faults)
        reason = "" if name in wanted else _useless(name, column)
        if reason:
            notes.append(f"column {name!r} is left out: {reason}")
        else:
            typed[name] = column
    return pd.DataFrame(typed, index=cells.frame.index), notes


def _column(cells: Cells, name: str, kind: str | None, faults: Faults) -> pd.Series:
    """A column as a "number" or a "category"; as what most of its cells are where the kind is None."""
    raw = cells.frame[name]
    first = raw.dropna().iloc[:1]
    if len(first) and isinstance(first.iloc[0], list | dict | np.ndarray | bytes):
        raise UserError(f"{cells.path}: column {name!r} holds lists or bytes; data.ignore={name} leaves it out")
    if pd.api.types.is_numeric_dtype(raw) and not pd.api.types.is_bool_dtype(raw):
        missing = raw.isna()
    else:
        raw = raw.map(lambda cell: None if cell is None or cell is pd.NA else str(cell))
        missing = raw.isna() | raw.isin(MISSING)
    remedy = ""
    numbers = pd.to_numeric(raw.where(~missing), errors="coerce").astype("float64")
    present = int((~missing).sum())
    is_number = numbers.notna()
    if kind is None:
        kind = "number" if present and is_number.sum() >= NUMBERS_SHARE * present else "category"
        remedy = f"data.categories={name} reads the column as categories"
    if kind == "category":
        texts = as_classes(raw) if pd.api.types.is_numeric_dtype(raw) else raw
        return texts.where(~missing, None).astype(object)
    for i in np.flatnonzero((~missing & ~is_number).to_numpy()):
        faults.add(cells.place(int(i)), f"{str(raw.iloc[i])[:40]!r} in column {name!r} is not a number", remedy)
    for i in np.flatnonzero((numbers.abs() > LARGEST).to_numpy()):
        what = "infinite" if np.isinf(numbers.iloc[i]) else f"beyond ±{LARGEST:g}"
        faults.add(cells.place(int(i)), f"the number in column {name!r} is {what}")
    return numbers


def _useless(name: str, column: pd.Series) -> str:
    present = column.dropna()
    distinct = present.nunique()
    if distinct == 0:
        return "it is empty"
    stem = name.lower().rstrip("0123456789: ")
    if stem in IDENTIFIERS and distinct == len(column):
        return "it only numbers the rows"
    if present.dtype == object and distinct > max(100, len(present) // 2):
        return f"it holds {distinct:,} different texts"
    return ""


def as_classes(column: pd.Series) -> pd.Series:
    """A target column as names of classes: texts, and whole numbers without ``.0``."""
    if column.dtype == object:
        return column
    return column.map(_class_name, na_action="ignore").astype(object)


def _class_name(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def guess_task(column: pd.Series) -> str:
    """``regression`` for numbers that are not whole or take more than 20 values, else ``classification``."""
    if column.dtype == object:
        return "classification"
    whole = bool((column == column.round()).all())
    return "classification" if whole and column.nunique() <= 20 else "regression"


def strata(column: pd.Series, task: str) -> torch.Tensor | None:
    """The class of each row as int64 [N] for a split by class; None for numbers."""
    if task != "classification":
        return None
    return torch.from_numpy(as_classes(column).astype("category").cat.codes.to_numpy(np.int64, copy=True))
