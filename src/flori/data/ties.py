"""What a division of examples must heed, and the ways to divide them: a share held out, folds, the first so many.

Each is a function of a seed. A class gives its share to every part; a group is never in two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flori.core import seeds
from flori.core.errors import UserError
from flori.data.examples import split


@dataclass(frozen=True)
class Ties:
    """How `count` examples hang together: `classes` and `groups` int64 [count], None for none; the groups are numbered
    from 0 on, and `named` says what they are."""

    count: int
    classes: Tensor | None = None
    groups: Tensor | None = None
    named: str = "groups"

    @property
    def whole(self) -> tuple[int, str]:
        """How many there are of what cannot be divided further: groups or examples."""
        if self.groups is None:
            return self.count, "examples"
        return int(self.groups.max()) + 1, self.named


def held_out(ties: Ties, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices (kept, held out), both ascending. Of groups as many are held out as fit into the share, one at least.

    Raises UserError where nothing can be held out, or nothing be kept.
    """
    if ties.groups is None:
        return split(ties.count, share, seed, ties.classes)
    number, named = ties.whole
    order = torch.randperm(number, generator=seeds.generator(seed, "split"))
    ends = torch.bincount(ties.groups, minlength=number)[order].cumsum(0)
    count = max(1, int((ends <= share * ties.count).sum()))
    if count >= number:
        raise UserError(f"{number} {named} are too few to hold some out for a score")
    held = torch.zeros(number, dtype=torch.bool)
    held[order[:count]] = True
    return torch.nonzero(~held[ties.groups]).flatten(), torch.nonzero(held[ties.groups]).flatten()


def folds(ties: Ties, number: int, seed: int) -> Tensor:
    """The fold of each example, int64 [count] from 0 to `number` − 1: none empty, and of like size.

    Without groups the examples of each class are dealt like cards, one class after the other, so that folds differ by
    at most one example, and by at most one of each class. Raises UserError where there are fewer than folds.
    """
    most, named = ties.whole
    if number > most:
        raise UserError(f"{most:,} {named} are too few for {number:,} folds")
    if ties.groups is not None:
        return _of_groups(ties, number, seed)
    found = torch.empty(ties.count, dtype=torch.int64)
    found[_by_class(ties, seed, "folds")] = torch.arange(ties.count) % number
    return found


def first(ties: Ties, count: int, seed: int) -> Tensor:
    """`count` of the examples, ascending, with each class in its share; more of them hold all that fewer hold."""
    order = _by_class(ties, seed, "first")
    if ties.classes is None:
        return order[:count].sort().values
    sizes = torch.bincount(ties.classes)
    classes = ties.classes[order]
    rank = torch.arange(ties.count) - (sizes.cumsum(0) - sizes)[classes]
    place = (rank + 0.5) / sizes[classes]  # of its class, from 0 to 1: all classes come as fast to their ends
    return order[place.argsort(stable=True)[:count]].sort().values


def _by_class(ties: Ties, seed: int, purpose: str) -> Tensor:
    """The examples in random order, those of one class after those of another."""
    shuffled = torch.randperm(ties.count, generator=seeds.generator(seed, purpose))
    return shuffled if ties.classes is None else shuffled[ties.classes[shuffled].argsort(stable=True)]


def _of_groups(ties: Ties, number: int, seed: int) -> Tensor:
    """Groups from the largest to the smallest, each into the fold where it does least harm: where the sum of squares
    Σ_c (n_fc/N_c)² grows least, over the classes c and, as one more, all examples."""
    assert ties.groups is not None
    classes = torch.zeros(ties.count, dtype=torch.int64) if ties.classes is None else ties.classes
    groups, kinds = ties.whole[0], int(classes.max()) + 1
    counts = torch.bincount(ties.groups * kinds + classes, minlength=groups * kinds).view(groups, kinds)
    counts = torch.cat([counts, counts.sum(1, keepdim=True)], 1)
    shuffled = torch.randperm(groups, generator=seeds.generator(seed, "folds"))
    order = shuffled[counts[shuffled, -1].argsort(descending=True, stable=True)].tolist()
    table = counts.double().numpy()
    weight, have = 1 / np.maximum(table.sum(0), 1) ** 2, np.zeros((number, kinds + 1))
    chosen = torch.empty(groups, dtype=torch.int64)
    for group in order:
        grown = ((2 * have + table[group]) * table[group] * weight).sum(1)
        chosen[group] = best = int(grown.argmin())
        have[best] += table[group]
    return chosen[ties.groups]
