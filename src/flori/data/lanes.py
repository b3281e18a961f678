"""The order of examples that are kept in groups which are read as a whole: random, yet so that few groups are open at a
time and that workers, who have neighbouring rows of each batch, read groups of their own.

An epoch's groups come in a random order, and the rows of each in theirs; this sequence is cut into lanes, stretches
one behind the other. A batch takes from each lane the next rows, those of the first lane first. So a batch has rows of
as many groups as there are lanes, and a worker who has a share of the rows goes through a share of the lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.core import seeds

Numbers = NDArray[np.int64]


def order(groups: Numbers, cuts: Sequence[int], lanes: int, seed: int, epoch: int) -> Tensor:
    """The places of N examples in an epoch of batches, int64 [N]: a function of the seed and the epoch.

    Args:
        groups: of each example, int64 [N].
        cuts: the sizes of the batches.
        lanes: how many groups at most a batch is from, or a few more where groups end.
    """
    lanes = max(1, min(lanes, max(cuts, default=1)))
    sequence = _sequence(groups, seed, epoch)
    runs = [(size, len([*same])) for size, same in groupby(cuts)]
    lengths = sum((_of_lanes(size, lanes) * count for size, count in runs), np.zeros(lanes, np.int64))
    at, found = np.cumsum(lengths) - lengths, []
    for size, count in runs:
        each = _of_lanes(size, lanes)
        lane = np.repeat(np.arange(lanes), each)
        first = at[lane] + np.arange(size) - (np.cumsum(each) - each)[lane]
        found.append((first + np.arange(count)[:, None] * each[lane]).ravel())
        at = at + each * count
    return torch.from_numpy(sequence[np.concatenate(found)] if found else sequence)


def _sequence(groups: Numbers, seed: int, epoch: int) -> Numbers:
    """All places: groups in random order, and random within each."""
    shuffled = torch.randperm(len(groups), generator=seeds.generator(seed, "order", epoch)).numpy()
    there, own = np.unique(groups, return_inverse=True)
    turn = torch.randperm(len(there), generator=seeds.generator(seed, "groups", epoch)).numpy()
    found: Numbers = shuffled[np.argsort(turn[own][shuffled], kind="stable")]
    return found


def _of_lanes(size: int, lanes: int) -> Numbers:
    """How many rows of a batch are from each lane: as equal as can be, int64 [lanes]."""
    return np.diff(-(-np.arange(lanes + 1) * size // lanes))
