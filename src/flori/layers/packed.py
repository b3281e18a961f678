"""Where the rows of a packed batch of sequences lie."""

from __future__ import annotations

from collections.abc import Sequence
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

    def steps(self, tensor: Tensor) -> Sequence[Tensor]:
        """The block [n, …] of each step, of a tensor [P, …]; of a room [B, …] its first n rows, again and again."""
        if len(tensor) != self.sizes[0]:
            return tensor.split(self.sizes)
        views = {n: tensor[:n] for n in set(self.sizes)}
        return [views[n] for n in self.sizes]

    def columns(self, tensor: Tensor, units: int, *spans: tuple[int, int]) -> list[tuple[Tensor, ...]]:
        """What `steps` gives of each span of the columns, counted in units: for every step a block of each."""
        return list(zip(*(self.steps(tensor[:, a * units : b * units]) for a, b in spans), strict=True))

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
