"""Sequences of tokens: a batch of them, and many of different length kept in one array.

Shapes: B sequences of a batch, T places, S places of the source, N sequences in all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.data.shares import Shared

CPU = torch.device("cpu")
IGNORED = -100  # a place without target: what torch's cross-entropy leaves out by default


@dataclass(frozen=True)
class TokenBatch:
    """Sequences of one step.

    Args:
        inputs: tokens int64 [B, T]; of a translation what the decoder is fed, `<bos>` first.
        targets: int64 [B, T], `IGNORED` where there is none; of a classification [B].
        lengths: how many places of each row of `inputs` are no padding, int64 [B]; None: all.
        source, source_lengths: what is translated, int64 [B, S] and [B].
        characters: of each word its letters, int64 [B, T, C], where the network reads them.
        fresh: whether a state carried from batch to batch begins anew here.
        shared: what a rank's share of a batch is of; in its parts, whether the rows `counts`: else they have no target.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None
    source: Tensor | None = None
    source_lengths: Tensor | None = None
    characters: Tensor | None = None
    fresh: bool = True
    shared: Shared | None = None
    counts: bool = True

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def read(self) -> tuple[Tensor, ...]:
        """What a network reads that labels sequences or each of their places."""
        return tuple(t for t in (self.inputs, self.lengths, self.characters) if t is not None)

    def count(self) -> int:
        """The targets: what a loss is the mean over."""
        return int((self.targets != IGNORED).sum())

    def total(self) -> int:
        """The targets of the whole batch, over all ranks."""
        return self.count() if self.shared is None else self.shared.targets

    def shared_as(self, shared: Shared) -> TokenBatch:
        """The batch, which holds a rank's share of one, as that: rows that do not count are without targets."""
        counting = shared.counting.view(-1, *[1] * (self.targets.dim() - 1))
        return replace(self, targets=self.targets.masked_fill(~counting, IGNORED), shared=shared)

    def divided(self, count: int) -> list[TokenBatch]:
        """The batch in at most `count` parts of rows, as equal as can be. A share of a batch has its parts already."""
        if self.shared is not None:
            sizes, counting = zip(*self.shared.pieces, strict=True)
            split = {name: column.split(sizes) for name, column in self._columns().items()}
            return [self._piece(split, i, shared=None, counts=one) for i, one in enumerate(counting)]
        count = max(1, min(count, len(self)))
        pieces = {name: column.tensor_split(count) for name, column in self._columns().items()}
        return [self._piece(pieces, i) for i in range(count)]

    def _piece(self, pieces: dict[str, Any], number: int, **more: Any) -> TokenBatch:
        return replace(self, **{name: piece[number] for name, piece in pieces.items()}, **more)

    def to(self, device: torch.device | str) -> TokenBatch:
        """The batch on a device."""
        moved: dict[str, Any] = {name: column.to(device) for name, column in self._columns().items()}
        return replace(self, **moved)

    def _columns(self) -> dict[str, Tensor]:
        return {name: column for name, column in vars(self).items() if isinstance(column, Tensor)}


@dataclass(frozen=True)
class Ragged:
    """N sequences of different length, one after the other: the n-th is `values[starts[n]:starts[n + 1]]`.

    Args:
        values: int32 [all lengths together].
        starts: int64 [N + 1].
    """

    values: NDArray[np.int32]
    starts: NDArray[np.int64]

    @staticmethod
    def of(sequences: Iterable[list[int]]) -> Ragged:
        kept = list(sequences)
        starts = np.cumsum([0, *map(len, kept)], dtype=np.int64)
        return Ragged(np.fromiter(chain.from_iterable(kept), np.int32, int(starts[-1])), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def __getitem__(self, number: int) -> list[int]:
        found: list[int] = self.values[self.starts[number] : self.starts[number + 1]].tolist()
        return found

    def content(self) -> bytes:
        """A hash of all sequences."""
        return hashlib.blake2b(self.values.tobytes() + self.starts.tobytes(), digest_size=16).digest()

    def padded(self, index: NDArray[np.int64], fill: int) -> Tensor:
        """The sequences of these numbers as rows, int64 [len(index), longest], `fill` after their ends."""
        lengths = self.starts[index + 1] - self.starts[index]
        place = np.arange(lengths.max(initial=0))
        inside = place < lengths[:, None]
        rows = np.full(inside.shape, fill, np.int64)
        rows[inside] = self.values[(self.starts[index][:, None] + place)[inside]]
        return torch.from_numpy(rows)
