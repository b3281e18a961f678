"""Outputs → numbers in the units of the data."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from flori.data.preparation import Scale


def answers(outputs: Tensor, scale: Scale) -> list[dict[str, Any]]:
    """For each output [N] the number that it stands for."""
    return [{"value": value} for value in scale.invert(outputs).tolist()]
