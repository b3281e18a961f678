"""Where the rows of a packed batch of sequences lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The rows of step 0, then of step 1, and so on, the longest sequence first, as torch packs them.

    Letters: B sequences, n of which have a certain step; P rows in all. A buffer of states [B + P, …] has the B
    initial ones first: then the states that a step goes on from are the first n of the block before its own.

    Args:
        sizes: n of each step, B for the first, never more than the step before has.
    """

    sizes: tuple[int, ...]

    @property
    def even(self) -> bool:
        """Whether all sequences are equally long."""
        return self.sizes[0] == self.sizes[-1]

    def steps(self, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The blocks [n, …] of tensors [P, …], step by step."""
        return zip(*(t.split(self.sizes) for t in tensors), strict=True)

    def before(self, states: Tensor) -> list[Tensor]:
        """The states [n, …] that each step goes on from, of a buffer [B + P, …]."""
        blocks = states.split((self.sizes[0], *self.sizes))
        return [block if len(block) == n else block[:n] for block, n in zip(blocks, self.sizes, strict=False)]

    def all_before(self, states: Tensor) -> Tensor:
        """What `before` gives, one after the other: [P, …]."""
        return states[: -self.sizes[0]] if self.even else torch.cat(self.before(states))

    def after(self, states: Tensor) -> Tensor:
        """The states [B, …] after the last step of each sequence, of a buffer [B + P, …]."""
        b = self.sizes[0]
        return states[-b:].clone() if self.even else states[b + self._row(self._lengths - 1, torch.arange(b))]

    @cached_property
    def backwards(self) -> Tensor:
        """For each row the one that takes its place when every sequence is turned round: int64 [P]."""
        step = torch.arange(len(self.sizes)).repeat_interleave(torch.tensor(self.sizes))
        sequence = torch.arange(len(step)) - self._row(step, 0)
        return self._row(self._lengths[sequence] - 1 - step, sequence)

    def _row(self, step: Tensor, sequence: Tensor | int) -> Tensor:
        sizes = torch.tensor(self.sizes)
        return (sizes.cumsum(0) - sizes)[step] + sequence

    @property
    def _lengths(self) -> Tensor:
        return (torch.tensor(self.sizes)[:, None] > torch.arange(self.sizes[0])).sum(0)
