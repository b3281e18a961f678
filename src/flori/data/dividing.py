"""Parts to judge by, where a set brings none: shares of its training part, by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from flori.core.errors import UserError
from flori.core.recipe import Source

DEFAULT_VALID = 0.1  # share held out where something must be chosen
Split = Callable[[Any, float, int], tuple[Tensor, Tensor]]
"""``split(part, share, seed)`` → indices (kept, held out)."""


def divide(parts: Mapping[str, Any], options: Source, seed: int, needs_valid: bool, split: Split) -> dict[str, Any]:
    """The parts with a test or valid part: what the set brings, else a share of its training part.

    Args:
        needs_valid: something will be chosen by a score, for which a part of its own is held out.
        split: chooses by a seed; parts have `take`.
    """
    parts = dict(parts)
    if not {"test", "valid"} & parts.keys():
        if not (options.test or options.valid):
            raise UserError("data.test=0 with data.valid=0 leaves nothing to judge by; one of them must be above 0")
        parts = _hold_out(parts, "test", options.test, seed, split)
    if "valid" not in parts:
        share = options.valid or (DEFAULT_VALID if needs_valid else 0.0)
        parts = _hold_out(parts, "valid", share, seed + 1, split)
    return parts


def _hold_out(parts: dict[str, Any], name: str, share: float, seed: int, split: Split) -> dict[str, Any]:
    """The parts with a share of the training part as another part; as they are for a share of 0."""
    if not share:
        return parts
    kept, held = split(parts["train"], share, seed)
    return {**parts, "train": parts["train"].take(kept), name: parts["train"].take(held)}
