"""Columns of numbers with a long tail: their logarithms, if those are less skewed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SKEWED = 0.75  # of the third standardised moment; that of an exponential distribution is 2
SMALL = 0.05  # the share of absolute values, zeros aside, that are smaller than the unit of a logarithm


def logarithm(numbers: Any, unit: float) -> Any:
    """sign(x)·log(1 + |x|/unit), of an array or a column: nearly straight within ±unit, beyond it a logarithm."""
    return np.sign(numbers) * np.log1p(np.abs(numbers) / unit)


def skew_unit(numbers: NDArray[np.float64]) -> float | None:
    """The unit for the logarithm of a column without gaps; None where it is not skewed, or would be no less so."""
    sizes = np.abs(numbers[numbers != 0])
    if not len(sizes) or skewness(numbers) <= SKEWED:
        return None
    unit = float(np.quantile(sizes, SMALL))
    return unit if skewness(logarithm(numbers, unit)) < skewness(numbers) else None


def skewness(numbers: NDArray[np.float64]) -> float:
    """|E[(x − μ)³]|/σ³, 0 for a column of one value."""
    away = numbers - numbers.mean()
    spread = float(np.sqrt((away**2).mean()))
    return abs(float(((away / spread) ** 3).mean())) if spread > 1e-12 * float(np.abs(numbers).max()) else 0.0
