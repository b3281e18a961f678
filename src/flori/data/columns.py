"""What a column of a table can be learnt as. Pictures never need pandas, so nothing here imports it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch

from flori.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from flori.data.examples import Rows

NUMBERING = {"index", "unnamed", ""}  # columns that number the rows, as tools add them
TABLE_ENDINGS = {".csv", ".tsv", ".txt", ".dat", ".data", ".parquet", ".pq"}


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


def group_numbers(rows: Rows, name: str) -> torch.Tensor:
    """The group of each row, int64 [N] from 0 on: those that share the value of a column. Raises UserError where one
    has none."""
    column = rows.frame[name]
    missing = column.isna().to_numpy()
    if missing.any():
        raise UserError(f"{rows.names[int(missing.argmax())]}: the group {name!r} is missing; every row wants one")
    numbers = {value: number for number, value in enumerate(dict.fromkeys(column))}
    return torch.tensor([numbers[value] for value in column])


def must_have_groups(columns: list[str], target: str, group: str, identifier: str | None) -> None:
    """Raise UserError where rows cannot be grouped by a column."""
    if group == target:
        raise UserError(f"data.group={group} is the very column to predict")
    if group == identifier:
        raise UserError(f"data.group={group} is data.id too: a column names single rows or groups them; leave one out")
    if group not in columns:
        near = difflib.get_close_matches(group, columns, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"data.group={group}: there is no such column; {hint}there are {listed(columns)}")


def useful(frame: pd.DataFrame, wanted: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """The columns that can help, and the `wanted` ones, with a note on each that is left out."""
    reasons = {name: "" if name in wanted else _useless(str(name), column) for name, column in frame.items()}
    notes = [f"column {name!r} is left out: {reason}" for name, reason in reasons.items() if reason]
    return frame[[name for name, reason in reasons.items() if not reason]], notes


def _useless(name: str, column: pd.Series) -> str:
    """Why a column cannot help; empty where it may."""
    present = column.dropna()
    distinct = present.nunique()
    if distinct == 0:
        return "it is empty"
    stem = name.lower().rstrip("0123456789: ")
    if stem in NUMBERING and distinct == len(column):
        return "it only numbers the rows"
    if present.dtype == object and distinct > max(100, len(present) // 2):
        return f"it holds {distinct:,} different texts"
    return ""


def listed(names: Iterable[object]) -> str:
    """Names of columns, thirty at most."""
    every = list(map(str, names))
    return ", ".join(every[:30]) + (f" and {len(every) - 30} more" if len(every) > 30 else "")
