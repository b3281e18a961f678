"""Scores of a regression, in the units of the data."""

from __future__ import annotations

import torch
from torch import Tensor

BETTER = ("rmse", False)
"""The score that runs are compared by, and whether more of it is better."""


def scores(predicted: Tensor, truth: Tensor, loss: float) -> dict[str, float]:
    """`loss` (as learnt), `rmse`, `mae`, `r2` (share of the variance explained; 0 for a constant truth), and
    `rmsle` (of log(1+y)) where no number is negative.

    Args: predicted, truth: float64 [N].
    """
    error = predicted - truth
    spread = (truth - truth.mean()).square().sum()
    found = {
        "loss": loss,
        "rmse": float(error.square().mean().sqrt()),
        "mae": float(error.abs().mean()),
        "r2": float(1 - error.square().sum() / spread) if spread > 0 else 0.0,
    }
    if (truth >= 0).all():
        logs = predicted.clamp(min=0).log1p() - truth.log1p()
        found["rmsle"] = float(logs.square().mean().sqrt())
    return found


def worst(predicted: Tensor, truth: Tensor, most: int) -> list[int]:
    """The examples with the largest errors, the worst first."""
    return torch.argsort((predicted - truth).abs(), descending=True, stable=True)[:most].tolist()
