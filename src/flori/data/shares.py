"""Which rows of a batch a rank learns from, before any of them is read.

All ranks go through the same batches, and of each part that a batch is worked through in they take a piece each: so n
ranks come to what one comes to, whatever the number of parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flori.core.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Shared:
    """A rank's share of a batch of `rows`: `targets` is what the whole batch has of them, `pieces` are the rows of each
    part here and whether they count. A rank that a small part leaves without rows goes along with some that do not."""

    targets: int
    pieces: tuple[tuple[int, bool], ...]
    rows: int

    @property
    def counting(self) -> Tensor:
        """Which of the rows here count, bool [B]."""
        return torch.cat([torch.full((rows,), counts) for rows, counts in self.pieces])


@dataclass(frozen=True)
class Share:
    """The share of one rank of all batches, each worked through in so many `parts`."""

    ranks: Ranks = ALONE
    parts: int = 1

    @property
    def whole(self) -> bool:
        """Whether it is all of every batch."""
        return self.ranks.alone

    def pieces(self, count: int, least: int = 1) -> list[tuple[int, int, bool]]:
        """Of each part of a batch of `count` rows, where this rank's piece begins and ends, and whether it counts.

        Args:
            least: rows of a piece at the least: fewer parts are made, and ranks left out, to keep to it.
        """
        parts = max(1, min(self.parts, count // (least * self.ranks.size)))
        found, start = [], 0
        for number in range(parts):
            rows = count // parts + (number < count % parts)
            begin, end = self.ranks.part(rows, least)
            counts = end > begin
            begin, end = (begin, end) if counts else (0, min(least, rows))
            found.append((start + begin, start + end, counts))
            start += rows
        return found

    def of(self, count: int, least: int = 1, targets: int | None = None) -> tuple[Tensor, Shared]:
        """The rows of this rank in a batch of `count`, int64 [B], and what they are of.

        Args:
            targets: those of the whole batch; None: one a row.
        """
        pieces = self.pieces(count, least)
        rows = torch.cat([torch.arange(begin, end) for begin, end, _ in pieces])
        sizes = tuple((end - begin, counts) for begin, end, counts in pieces)
        return rows, Shared(count if targets is None else targets, sizes, count)


WHOLE = Share()
