"""Raw examples → tensors that a network takes. Fitted on the training part alone, saved as JSON with the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from flori.core.errors import UserError
from flori.data.columns import as_classes
from flori.data.examples import Rows
from flori.data.picture_files import PictureFiles, sampled
from flori.data.skew import logarithm, skew_unit

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 100


@dataclass(frozen=True)
class PicturePreparation:
    """Resizing (at reading) and standardising of each channel (in batches, on the device)."""

    size: tuple[int, int]
    mean: tuple[float, ...]  # of values in [0, 1], by channel
    std: tuple[float, ...]

    @property
    def channels(self) -> int:
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, *self.size)

    @staticmethod
    def fit(images: Tensor | PictureFiles, seed: int = 0) -> PicturePreparation:
        """Mean and deviation of each channel of uint8 [N, C, H, W], exactly, from counts of the 256 values.

        Of pictures in files it is a sample of at most 2,000 that is measured, chosen by the seed.
        """
        means, stds = [], []
        value = torch.arange(256, dtype=torch.float64) / 255
        for share in _shares(sampled(images, seed)):
            mean = (share * value).sum()
            means.append(float(mean))
            stds.append(float((share * (value - mean) ** 2).sum().sqrt()) or 1.0)
        return PicturePreparation((images.shape[2], images.shape[3]), tuple(means), tuple(stds))

    def apply(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """uint8 [N, C, H, W] → (x/255 − mean)/std as `dtype`, on the device of the pictures."""
        shape = (1, -1, 1, 1)
        factor = torch.tensor([1 / (255 * s) for s in self.std], dtype=dtype, device=images.device).view(shape)
        offset = torch.tensor(
            [-m / s for m, s in zip(self.mean, self.std, strict=True)], dtype=dtype, device=images.device
        ).view(shape)
        found = images.to(dtype, copy=True)
        return torch.addcmul(offset, found, factor, out=found)  # no second tensor: half the time

    def state(self) -> dict[str, Any]:
        return {"kind": "pictures", **asdict(self)}


def _shares(pieces: Iterable[Tensor]) -> Tensor:
    """The share of each of the 256 values in each channel of all pieces, float64 [C, 256]."""
    counts = [torch.stack([c.reshape(-1).bincount(minlength=256) for c in piece.unbind(1)]) for piece in pieces]
    total = torch.stack(counts).sum(0).double()
    return total / total.sum(1, keepdim=True)


@dataclass(frozen=True)
class Column:
    """How one column becomes features: a number is standardised, a category becomes one feature a value.

    Before it is standardised, a number x of a skewed column becomes sign(x)·log(1 + |x|/`unit`); after, it is kept
    within ±`limit`.
    """

    name: str
    kind: str  # "number" or "category"
    mean: float = 0.0
    std: float = 1.0
    values: tuple[str, ...] = ()
    marks_missing: bool = False  # one more feature that is 1 where the cell is missing
    unit: float | None = None
    limit: float | None = None

    @property
    def width(self) -> int:
        return (1 if self.kind == "number" else len(self.values)) + self.marks_missing


@dataclass(frozen=True)
class TablePreparation:
    """Columns → float features [N, D]: missing numbers become the mean, unknown categories no feature."""

    columns: tuple[Column, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(column.width for column in self.columns),)

    @property
    def features(self) -> list[str]:
        """The name of each feature, in order."""
        names = []
        for column in self.columns:
            names += [column.name] if column.kind == "number" else [f"{column.name}={v}" for v in column.values]
            names += [f"{column.name} missing"] if column.marks_missing else []
        return names

    @staticmethod
    def fit(frame: pd.DataFrame, logarithms: bool = False, limit: float | None = None) -> TablePreparation:
        """How the columns of a training part become features.

        Args:
            logarithms: of skewed columns of numbers.
            limit: numbers farther from the mean than so many standard deviations count as that far.
        """
        columns = [_fit_column(str(name), column, logarithms, limit) for name, column in frame.items()]
        kept = tuple(column for column in columns if column.width)
        if not kept:
            raise UserError("every column has one value only in the training part: nothing can be learnt from it")
        return TablePreparation(kept)

    def apply(self, rows: Rows) -> Tensor:
        """Features float64 [N, D] of rows that have the columns; UserError names those that are missing."""
        lacking = [column.name for column in self.columns if column.name not in rows.frame.columns]
        if lacking:
            table = rows.names[0].rsplit(":", 1)[0]
            raise UserError(f"{table} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}")
        blocks = [_features(column, rows.frame[column.name], rows.names) for column in self.columns]
        return torch.from_numpy(np.concatenate(blocks, axis=1))

    def state(self) -> dict[str, Any]:
        return {"kind": "table", **asdict(self)}


def _fit_column(name: str, column: pd.Series, logarithms: bool, limit: float | None) -> Column:
    missing = bool(column.isna().any())
    if column.dtype == object:
        counts = column.value_counts()
        values = tuple(sorted(counts.index[:MOST_CATEGORIES]))
        if len(values) + missing < 2:
            return Column(name, "category")
        return Column(name, "category", values=values, marks_missing=missing)
    unit = skew_unit(column.dropna().to_numpy("float64")) if logarithms else None
    column = column if unit is None else logarithm(column, unit)
    mean, std = float(column.mean()), float(column.std(ddof=0))
    if not np.isfinite(std) or std <= 1e-12 * abs(mean):
        return Column(name, "category", marks_missing=missing and bool(column.notna().any()))
    return Column(name, "number", mean, std, marks_missing=missing, unit=unit, limit=limit)


def _features(column: Column, cells: pd.Series, names: list[str]) -> np.ndarray:
    missing = cells.isna().to_numpy()
    if column.kind == "number":
        import pandas as pd

        numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
        bad = np.flatnonzero((np.isnan(numbers) & ~missing) | np.isinf(numbers))
        if len(bad):
            cell = str(cells.iloc[bad[0]])[:40]
            raise UserError(f"{names[bad[0]]}: {cell!r} in column {column.name!r} is not a finite number")
        numbers = numbers if column.unit is None else logarithm(numbers, column.unit)
        standard = np.where(np.isnan(numbers), 0.0, (numbers - column.mean) / column.std)
        block = (standard if column.limit is None else standard.clip(-column.limit, column.limit))[:, None]
    else:
        texts = as_classes(cells).to_numpy(object) if len(column.values) else cells.to_numpy(object)
        block = np.stack([texts == value for value in column.values], 1) if column.values else np.empty((len(cells), 0))
    if column.marks_missing:
        block = np.concatenate([block, missing[:, None]], 1)
    return block.astype(np.float64)


@dataclass(frozen=True)
class Scale:
    """Numbers to predict ↔ what the network learns: t = (f(y) − mean)/std, with f the identity or log(1+y)."""

    kind: str
    mean: float = 0.0
    std: float = 1.0

    @staticmethod
    def fit(kind: str, targets: np.ndarray) -> Scale:
        if kind == "none":
            return Scale("none")
        if kind == "log" and (targets <= -1).any():
            raise UserError("data.scale=log needs targets above −1; data.scale=standard takes any")
        learned = np.log1p(targets) if kind == "log" else targets
        return Scale(kind, float(learned.mean()), float(learned.std()) or 1.0)

    def apply(self, targets: np.ndarray) -> Tensor:
        """float64 [N] in the units of the data → float64 [N] as learnt."""
        learned = np.log1p(targets) if self.kind == "log" else targets
        return torch.from_numpy((np.asarray(learned, np.float64) - self.mean) / self.std)

    def invert(self, outputs: Tensor) -> Tensor:
        """float [N] as learnt → float64 [N] in the units of the data."""
        learned = outputs.double() * self.std + self.mean
        return torch.expm1(learned) if self.kind == "log" else learned


def restore(state: dict[str, Any]) -> PicturePreparation | TablePreparation:
    """The preparation that `state()` described."""
    if state["kind"] == "pictures":
        return PicturePreparation(*(tuple(state[key]) for key in ("size", "mean", "std")))
    columns = [Column(**{**column, "values": tuple(column["values"])}) for column in state["columns"]]
    return TablePreparation(tuple(columns))
