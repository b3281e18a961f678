"""The column of a table that names its rows: nothing to learn from, but what predictions are known by."""

from __future__ import annotations

import re

import pandas as pd

from flori.data.cells import MISSING

NAMES = re.compile(r"(?:.*[\W_])?[iI][dD]|.*[a-z](?:Id|ID)")  # id, row_id, PassengerId, customerID; not humid


def find_identifier(frame: pd.DataFrame, taken: set[str]) -> str | None:
    """The first column, of those that are not `taken`, that is called like an identifier and has whole numbers or texts
    that are all different; None where none does."""
    return next((name for name in frame.columns if name not in taken and _names_rows(name, frame[name])), None)


def _names_rows(name: str, cells: pd.Series) -> bool:
    if not NAMES.fullmatch(name) or not cells.map(lambda cell: isinstance(cell, str | int | float)).all():
        return False
    if cells.isna().any() or cells.isin(MISSING).any() or not cells.is_unique:
        return False
    numbers = pd.to_numeric(cells, errors="coerce")
    return bool((numbers.isna() | (numbers == numbers.round())).all())
