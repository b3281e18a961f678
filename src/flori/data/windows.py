"""A long text in batches of windows. Each token but the first is a target, once an epoch: none is dropped.

`Windows` takes them from anywhere in random order; `Streams` reads on from batch to batch, so that a state can be
carried. Both are functions of (seed, epoch, place). Where a window would be shorter than the others it is as long, of
tokens that are other windows' targets: those places have no target here, and no padding is ever read.

Shapes: B rows of a batch, T places, n tokens; so n − 1 targets.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from flori.core import seeds
from flori.core.errors import UserError
from flori.core.ranks import ALONE, Ranks
from flori.data.sequences import CPU, IGNORED, TokenBatch
from flori.data.shares import WHOLE, Share, Shared

LARGE = 1 << 26  # bytes: of larger files no page stays in memory after its batch

Tokens = NDArray[Any]
"""uint16 or uint32 [n], in memory or mapped from a file."""
Edges = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""The places where windows begin, by their numbers from 0 on, and for one number more where the last ends: a function,
since a long text has more windows than memory should hold."""


@dataclass(frozen=True)
class Windows:
    """Random sampling: `size` windows of `length` places a batch, cut at another offset each epoch."""

    tokens: Tokens
    size: int
    length: int
    seed: int = 0
    device: torch.device = CPU
    share: Share = WHOLE

    def __post_init__(self) -> None:
        _check(self.tokens)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self._most // self.size)

    def epoch(self, number: int, start: int = 0) -> Iterator[TokenBatch]:
        """The batches of an epoch in its random order, from the `start`-th on."""
        edge, order = self._edges(number), seeds.places(self.seed, number, self._most)
        for first in range(start * self.size, self._most, self.size):
            index = order(np.arange(first, min(first + self.size, self._most)))
            begins = edge(index)
            yield self._batch(begins, edge(index + 1), begins, self.share)

    def in_order(self, ranks: Ranks = ALONE) -> Iterator[TokenBatch]:
        """All targets once, in their own order: to evaluate. The first half of each window but the first is read and
        has no target, so that none is predicted from less. Of several ranks each has every n-th batch."""
        targets, width = len(self.tokens) - 1, self._width
        context = width // 2
        edge, count = evenly(width, width - context, targets)
        for first in range(ranks.rank * self.size, count, ranks.size * self.size):
            edges = edge(np.arange(first, min(first + self.size, count) + 1))
            yield self._batch(edges[:-1], edges[1:], edges[:-1] - context, WHOLE)

    @property
    def _width(self) -> int:
        return min(self.length, len(self.tokens) - 1)

    @property
    def _most(self) -> int:
        """Windows of an epoch: all whole ones that fit, and what is left, on both sides if it has two places."""
        whole, rest = divmod(len(self.tokens) - 2, self._width)
        return whole + (2 if rest else 1)

    def _edges(self, number: int) -> Edges:
        """Where the targets of each window begin, and those of the one before end. Some offsets leave a window fewer:
        then the longest is cut in two, so that each epoch has as many."""
        offset = int(torch.randint(self._width, (), generator=seeds.generator(self.seed, "offset", number)))
        edge, count = evenly(offset or self._width, self._width, len(self.tokens) - 1)
        if count == self._most:
            return edge
        longest = int(np.diff(edge(np.arange(3))).argmax())
        middle = edge(np.array([longest, longest + 1])).sum() // 2
        return lambda k: np.where(k == longest + 1, middle, edge(k - (k > longest)))

    def _batch(self, begins: NDArray[Any], ends: NDArray[Any], starts: NDArray[Any], share: Share) -> TokenBatch:
        """A share of the windows that read from `starts` on and have targets from `begins` to `ends`, all int64 [B]."""
        starts = starts.clip(0, len(self.tokens) - 1 - self._width)
        place = starts[:, None] + np.arange(self._width)
        has_target = (place >= begins[:, None]) & (place < ends[:, None])
        windows = sliding_window_view(self.tokens, self._width + 1)
        return _batch(lambda rows: windows[starts[rows]], has_target, self, share, fresh=True)


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
    share: Share = WHOLE

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
        return self._batches(int(drawn), start, self.share)

    def in_order(self, ranks: Ranks = ALONE) -> Iterator[TokenBatch]:
        """All targets once, the same each time: to evaluate. Of several ranks each has a share of the streams."""
        return self._batches(self._width, 0, Share(ranks))

    def _batches(self, first: int, start: int, share: Share) -> Iterator[TokenBatch]:
        edge, _ = evenly(first, self._width, self._longest)
        for number in range(start, self.per_epoch):
            begin, end = edge(np.array([number, number + 1])).tolist()
            place = np.arange(begin, end + 1)
            has_target = place[:-1] < np.diff(self._begins)[:, None]
            yield _batch(partial(self._read, place), has_target, self, share, fresh=number == 0)

    def _read(self, place: NDArray[np.int64], rows: NDArray[np.int64] | slice) -> Tokens:
        return self.tokens[self._begins[:-1][rows][:, None] + place]

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


def evenly(first: int, width: int, end: int) -> tuple[Edges, int]:
    """Edges 0, `first` and on by `width` as far as `end`, which is the last; and how many windows they make."""
    return lambda k: np.where(k > 0, np.minimum(first + (k - 1) * width, end), 0), 1 + -(-(end - first) // width)


def _batch(
    read: Callable[[Any], Tokens],
    has_target: NDArray[np.bool_],
    batches: Windows | Streams,
    share: Share,
    fresh: bool,
) -> TokenBatch:
    """Of rows with tokens [B, T + 1] those of a share as inputs and, moved by one, targets."""
    rows, shared = (slice(None), None) if share.whole else _rows(share, has_target)
    tokens = read(rows).astype(np.int64)
    _let_go(batches.tokens)
    targets = np.where(has_target[rows], tokens[:, 1:], IGNORED)
    inputs = torch.from_numpy(tokens[:, :-1].copy())
    batch = TokenBatch(inputs, torch.from_numpy(targets), fresh=fresh)
    return (batch if shared is None else batch.shared_as(shared)).to(batches.device)


def _rows(share: Share, has_target: NDArray[np.bool_]) -> tuple[Any, Shared]:
    rows, shared = share.of(len(has_target), targets=int(has_target.sum()))
    return rows.numpy(), shared


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
