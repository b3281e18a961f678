"""A long text in batches of windows. Each token but the first is a target, once an epoch: none is dropped.

`Windows` takes them from anywhere in random order; `Streams` reads on from batch to batch, so that a state can be
carried. Both are functions of (seed, epoch, place). Where a window would be shorter than the others it is as long, of
tokens that are other windows' targets: those places have no target here, and no padding is ever read.

Shapes: B rows of a batch, T places, n tokens; so n − 1 targets.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from flori.core import seeds
from flori.core.errors import UserError
from flori.data.sequences import CPU, IGNORED, TokenBatch

LARGE = 1 << 26  # bytes: of larger files no page stays in memory after its batch

Tokens = NDArray[Any]
"""uint16 or uint32 [n], in memory or mapped from a file."""


@dataclass(frozen=True)
class Windows:
    """Random sampling: `size` windows of `length` places a batch, cut at another offset each epoch."""

    tokens: Tokens
    size: int
    length: int
    seed: int = 0
    device: torch.device = CPU

    def __post_init__(self) -> None:
        _check(self.tokens)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self._most // self.size)

    def epoch(self, number: int, start: int = 0) -> Iterator[TokenBatch]:
        """The batches of an epoch in its random order, from the `start`-th on."""
        edges = self._edges(number)
        order = seeds.order(self.seed, number, len(edges) - 1).numpy()
        for first in range(start * self.size, len(order), self.size):
            index = order[first : first + self.size]
            yield self._batch(edges[index], edges[index + 1], edges[index])

    def in_order(self, context: int = 0) -> Iterator[TokenBatch]:
        """All targets once, in their own order: to evaluate. Each window but the first begins with `context` places
        that are read but have no target, so that no target is predicted from less."""
        targets, width = len(self.tokens) - 1, self._width
        context = min(context, width - 1)
        begins = np.arange(width, targets, width - context)
        edges = np.unique([0, *begins, targets])
        for first in range(0, len(edges) - 1, self.size):
            begin = edges[first : first + self.size + 1]
            yield self._batch(begin[:-1], begin[1:], begin[:-1] - context)

    @property
    def _width(self) -> int:
        return min(self.length, len(self.tokens) - 1)

    @property
    def _most(self) -> int:
        """Windows of an epoch: all whole ones that fit, and what is left, on both sides if it has two places."""
        whole, rest = divmod(len(self.tokens) - 2, self._width)
        return whole + (2 if rest else 1)

    def _edges(self, number: int) -> NDArray[np.int64]:
        """Where the targets of each window begin and end, int64 [windows + 1]. Some offsets leave a window fewer: then
        the longest is cut in two, so that each epoch has as many."""
        offset = torch.randint(self._width, (), generator=seeds.generator(self.seed, "offset", number)).item()
        targets = len(self.tokens) - 1
        edges = np.unique(np.concatenate([[0], np.arange(offset, targets, self._width), [targets]]))
        if len(edges) <= self._most:
            longest = int(np.diff(edges).argmax())
            edges = np.insert(edges, longest + 1, edges[longest : longest + 2].sum() // 2)
        return edges

    def _batch(self, begins: NDArray[Any], ends: NDArray[Any], starts: NDArray[Any]) -> TokenBatch:
        """Windows that read from `starts` on and have targets from `begins` to `ends`, all int64 [B]."""
        starts = starts.clip(0, len(self.tokens) - 1 - self._width)
        place = starts[:, None] + np.arange(self._width)
        has_target = (place >= begins[:, None]) & (place < ends[:, None])
        return _batch(sliding_window_view(self.tokens, self._width + 1)[starts], has_target, self, fresh=True)


@dataclass(frozen=True)
class Streams:
    """Sequential partition: the text in `size` streams of like length, read side by side, `length` places a batch.

    Where the first batch of an epoch ends is random, as far as no batch is longer and none comes on top.
    """

    tokens: Tokens
    size: int
    length: int
    seed: int = 0
    device: torch.device = CPU

    def __post_init__(self) -> None:
        _check(self.tokens)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return -(-self._longest // self._width)

    def epoch(self, number: int, start: int = 0) -> Iterator[TokenBatch]:
        """The batches of an epoch, from the `start`-th on; the first of all is `fresh`."""
        least = self._longest - (self.per_epoch - 1) * self._width
        drawn = torch.randint(least, self._width + 1, (), generator=seeds.generator(self.seed, "first", number))
        return self._batches(int(drawn), start)

    def in_order(self) -> Iterator[TokenBatch]:
        """All targets once, the same each time: to evaluate."""
        return self._batches(self._width, 0)

    def _batches(self, first: int, start: int) -> Iterator[TokenBatch]:
        edges = [0, *range(first, self._longest, self._width), self._longest]
        for number in range(start, self.per_epoch):
            place = np.arange(edges[number], edges[number + 1] + 1)
            found = self.tokens[self._begins[:-1, None] + place]
            has_target = place[:-1] < np.diff(self._begins)[:, None]
            yield _batch(found, has_target, self, fresh=number == 0)

    @property
    def _begins(self) -> NDArray[np.int64]:
        """Where the targets of each stream begin, and those of the last one end; lengths differ by one at most."""
        targets = len(self.tokens) - 1
        rows = min(self.size, targets)
        return np.arange(rows + 1) * targets // rows

    @property
    def _longest(self) -> int:
        return int(np.diff(self._begins).max())

    @property
    def _width(self) -> int:
        return min(self.length, self._longest)


def _batch(found: Tokens, has_target: NDArray[np.bool_], batches: Windows | Streams, fresh: bool) -> TokenBatch:
    """Tokens [B, T + 1] as inputs and, moved by one, targets."""
    tokens = found.astype(np.int64)
    _let_go(batches.tokens)
    targets = np.where(has_target, tokens[:, 1:], IGNORED)
    inputs = torch.from_numpy(tokens[:, :-1].copy())
    return TokenBatch(inputs, torch.from_numpy(targets), fresh=fresh).to(batches.device)


def _let_go(tokens: Tokens) -> None:
    """Give back the pages of a large file that were read: they would fill the memory one after the other."""
    if tokens.nbytes < LARGE:
        return
    owner: Any = tokens
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def _check(tokens: Tokens) -> None:
    if len(tokens) < 2:
        raise UserError(f"a text of {len(tokens)} tokens has nothing to predict: 2 are the least")
