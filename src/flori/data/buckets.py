"""Batches of sequences of like length, sized by tokens: little padding, and every example once an epoch.

Examples are ordered at random and then by length, so that those of one length come in another order each epoch. The
ordered lengths are the same in all epochs: so are the places where batches are cut, and their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from flori.core import seeds
from flori.core.ranks import ALONE, Ranks
from flori.data.rare_words import RareWords
from flori.data.sequence_parts import SequencePart
from flori.data.sequences import CPU, TokenBatch
from flori.data.shares import WHOLE, Share


@dataclass(frozen=True)
class Buckets:
    """A part in batches of at most `budget` padded tokens, source and target together; a longer example comes alone.

    Args:
        most: most examples in a batch; None: as many as the budget takes.
        rare: hides rare words in the batches of an epoch; None: none are hidden.
    """

    part: SequencePart
    budget: int
    seed: int = 0
    device: torch.device = CPU
    most: int | None = None
    rare: RareWords | None = None
    share: Share = WHOLE

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self._cuts) - 1

    def epoch(self, number: int, start: int = 0) -> Iterator[TokenBatch]:
        """The batches of an epoch in its random order, from the `start`-th on."""
        order = seeds.order(self.seed, number, len(self._keys)).numpy()
        order = order[np.argsort(self._keys[order], kind="stable")]
        chosen = torch.randperm(self.per_epoch, generator=seeds.generator(self.seed, "order of buckets", number))
        for place in chosen[start:].tolist():
            yield self._batch(order[self._cuts[place] : self._cuts[place + 1]], number).to(self.device)

    def _batch(self, index: NDArray[np.int64], epoch: int) -> TokenBatch:
        """The share of these examples."""
        shared = None
        if not self.share.whole:
            rows, shared = self.share.of(len(index), targets=self.part.targets(index))
            index = index[rows.numpy()]
        batch = self.part.batch(index)
        batch = batch if self.rare is None else self.rare.hidden(batch, index, epoch)
        return batch if shared is None else batch.shared_as(shared)

    def in_order(self, ranks: Ranks = ALONE) -> Iterator[TokenBatch]:
        """All examples once, in their own order: to evaluate. Of several ranks each has every n-th batch."""
        index, cuts = np.arange(len(self._keys)), _cuts(self.part.lengths, self.budget, self.most)
        for first, end in [*pairwise(cuts)][ranks.rank :: ranks.size]:
            yield self.part.batch(index[first:end]).to(self.device)

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        return _keys(self.part.lengths)

    @cached_property
    def _cuts(self) -> list[int]:
        return _cuts(self.part.lengths[np.argsort(self._keys, kind="stable")], self.budget, self.most)


def _keys(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number an example to sort by: the last length first, within it the one before, rising and falling in turn, so
    that neighbours are alike in both."""
    last, rest = lengths[:, -1], lengths[:, :-1].sum(1)
    widest = int(rest.max(initial=0)) + 1
    return last * widest + np.where(last % 2, widest - 1 - rest, rest)


def _cuts(lengths: NDArray[np.int64], budget: int, most: int | None) -> list[int]:
    """Where to cut examples in this order: from each place as far as the padded batch keeps within the bounds."""
    cuts = [0]
    while cuts[-1] < len(lengths):
        ahead = lengths[cuts[-1] : cuts[-1] + min(budget, most or budget)]
        padded = np.maximum.accumulate(ahead).sum(1) * np.arange(1, len(ahead) + 1)
        cuts.append(cuts[-1] + max(1, int((padded <= budget).sum())))
    return cuts
