"""What a column of a table can be learnt as. Pictures never need pandas, so nothing here imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    import pandas as pd

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
