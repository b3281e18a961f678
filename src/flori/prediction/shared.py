"""What several ranks found for a batch each in turn, put together in the order of one that does them all."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from flori.core.ranks import Ranks

_NOTHING = object()


def in_turn(lists: list[list[Any]]) -> list[Any]:
    """The first of each, then the second of each, and so on."""
    return [one for turn in zip_longest(*lists, fillvalue=_NOTHING) for one in turn if one is not _NOTHING]


def said_in_turn(found: list[Any], ranks: Ranks) -> list[Any]:
    """What all ranks found, batch by batch: anything that JSON holds."""
    return in_turn(ranks.gathered(found))


def tensors_in_turn(found: list[Tensor], dtype: torch.dtype, ranks: Ranks) -> list[Tensor]:
    """The tensors of all ranks, batch by batch, of one `dtype` and alike but for their first dimension."""
    if ranks.alone:
        return found
    sizes = ranks.gathered([len(one) for one in found])
    whole = ranks.joined(torch.cat(found).cpu() if found else torch.empty(0, dtype=dtype))
    return in_turn([[*t.split(size)] if size else [] for t, size in zip(whole, sizes, strict=True)])
