"""The column of a table that names its rows: nothing to learn from, but what predictions are known by."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from flori.data.cells import MISSING

NOTE = "column {!r} names the rows: it is no input, and stands in predictions"
NAMES = re.compile(r"(?:.*[\W_])?[iI][dD]|.*[a-z](?:Id|ID)")  # id, row_id, PassengerId, customerID; not humid


def without_identifier(frame: pd.DataFrame, asked: str, taken: Collection[str]) -> tuple[pd.DataFrame, str, list[str]]:
    """The columns to learn from, the one that names the rows ("" where none does), and a note on it.

    Whether a column names rows is for the training part to say: a held-out row with the name of another one must not
    change what is learnt.

    Args:
        asked: the column that was asked for, "" where none was; reading has left it out.
        taken: columns that are wanted as they are.
    """
    identifier = asked or find_identifier(frame, taken) or ""
    notes = [NOTE.format(identifier)] if identifier else []
    return frame.drop(columns=identifier, errors="ignore"), identifier, notes


def find_identifier(frame: pd.DataFrame, taken: Collection[str]) -> str | None:
    """The first column, of those that are not `taken`, that is called like an identifier and has whole numbers or texts
    that are all different; None where none does."""
    return next((name for name in map(str, frame) if name not in taken and _names_rows(name, frame[name])), None)


def _names_rows(name: str, cells: pd.Series) -> bool:
    if not NAMES.fullmatch(name) or not cells.map(lambda cell: isinstance(cell, str | int | float)).all():
        return False
    if cells.isna().any() or cells.isin(MISSING).any() or not cells.is_unique:
        return False
    numbers = pd.to_numeric(cells, errors="coerce")
    return bool((numbers.isna() | (numbers == numbers.round())).all())
