"""What recurrent layers carry from batch to batch, part by part: of all ranks together, or one rank's share of it."""

from __future__ import annotations

import torch
from torch import Tensor

from flori.core.ranks import Ranks
from flori.data.shares import Share
from flori.layers.recurrent import Carried

Memories = dict[int, Carried]
"""By number of the part of a batch."""


def of_all(memories: Memories, ranks: Ranks) -> Memories:
    """Those of the whole batch, its rows in their order, from what each rank has of every part."""
    if ranks.alone:
        return memories
    known = ranks.gathered({part: len(one.tensors) for part, one in memories.items()})
    counts = {int(part): count for said in known for part, count in said.items()}
    kind = next((t.dtype for one in memories.values() for t in one.tensors), torch.float32)
    kinds = ranks.gathered(str(kind).removeprefix("torch.") if memories else None)
    dtype = getattr(torch, next(filter(None, kinds), "float32"))
    return {part: _part(memories.get(part), count, dtype, ranks) for part, count in sorted(counts.items())}


def _part(own: Carried | None, count: int, dtype: torch.dtype, ranks: Ranks) -> Carried:
    nothing = torch.empty(0, dtype=dtype)
    given = [nothing] * count if own is None else [t.cpu() for t in own.tensors]
    return Carried(tuple(_rows([t for t in ranks.joined(one) if t.numel()]) for one in given))


def _rows(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors, 1)


def share_of(memories: Memories, share: Share) -> Memories:
    """What one rank goes on with, of those of the whole batch, in whatever parts they were saved."""
    if not memories:
        return {}
    columns = zip(*(memories[part].tensors for part in sorted(memories)), strict=True)
    whole = [_rows([*column]) for column in columns]
    pieces = enumerate(share.pieces(whole[0].shape[1]))
    return {
        part: Carried(tuple(t[:, begin:end].contiguous() for t in whole))
        for part, (begin, end, counts) in pieces
        if counts
    }
