"""Tables → columns of numbers and categories; what is wrong is named with file, line and column."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from flori.core.errors import Fault, Faults, UserError, listing
from flori.data.cells import MISSING, Cells, read_cells
from flori.data.columns import as_classes, listed
from flori.data.examples import Rows, TableSet

LARGEST = 1e100  # the squares of numbers, and their sums, must be finite too
NUMBERS_SHARE = 0.8  # a column with at least this share of numbers is one of numbers, the rest are faults


def read_table(
    path: Path,
    target: str | None,
    *,
    ignore: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    identifier: str | None = None,
    encoding: str = "utf-8",
    on_bad: str = "stop",
) -> TableSet:
    """A table for learning `target` from the other columns.

    Columns whose cells are numbers become float64 with NaN where missing, others text with None; `identifier`, which
    names the rows, is left out. Rows of an unknown target are faults. Raises UserError listing all faults unless
    `on_bad` is ``skip``.

    No column is left out for what is in it: that is for the training part to say, which is not known yet.
    """
    if target is None:
        columns = listed(read_cells(path, encoding).frame.columns)
        raise UserError(f"{path}: say which column to predict with target=…; it has {columns}")
    table = describe(path, target, ignore=ignore, categories=categories, identifier=identifier, encoding=encoding)
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
    identifier: str | None = None,
    encoding: str = "utf-8",
) -> TableSet:
    """The good rows of a table, with all that is wrong with the others; the target may be unknown yet.

    Raises UserError where the table cannot be read as a whole.
    """
    faults = Faults()
    cells = read_cells(path, encoding, faults)
    asked = [name for name in (target, identifier) if name]
    for name in (*asked, *ignore, *categories):
        _must_have(cells, name)
    for key, left_out in (("ignore", ignore), ("id", (identifier,))):
        if target and target in left_out:
            raise UserError(f"{path}: data.{key}={target} leaves out the very column to predict")
    typed = {
        name: _column(cells, name, "category" if name in categories else None, faults)
        for name in cells.frame.columns
        if name not in ignore and name != identifier
    }
    frame = pd.DataFrame(typed, index=cells.frame.index)
    bad = {fault.where for fault in faults.found}
    good = np.array([cells.place(i) not in bad for i in range(len(frame))], dtype=bool)
    if target:
        for i in np.flatnonzero(frame[target].isna().to_numpy() & good):
            faults.add(cells.place(int(i)), f"the target {target!r} is missing")
            good[i] = False
    names = [f"{path.name}:{cells.lines[i]}" for i in np.flatnonzero(good)]
    return TableSet({"train": Rows(frame[good], names)}, target, faults.found, identifier or "")


def read_rows(path: Path, kinds: Mapping[str, str], encoding: str = "utf-8") -> Rows:
    """All rows of a table, to predict from. Raises UserError listing all faults.

    `kinds` has the columns that count, each a "number" or "category", as names of rows are too; what is in others is no
    matter.
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
        raise UserError(f"{cells.path} has no column {name!r}; {hint}it has {listed(cells.frame.columns)}")


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
