"""Rows of a layer that stand for a class or a token each: those that two networks both know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """The name of each row there and here; `what` they are is "class" or "token"."""

    theirs: Sequence[str]
    ours: Sequence[str]
    what: str = "token"

    @property
    def shared(self) -> list[str]:
        """Those that both know, in our order."""
        known = set(self.theirs)
        return [name for name in self.ours if name in known]

    def counted(self, names: Sequence[str]) -> str:
        """How many of ours some are."""
        return f"{len(names)} of {len(self.ours)} {self.what}{'es' if self.what == 'class' else 's'}"

    def copy(self, given: Tensor, tensor: Tensor) -> None:
        """Put the rows of `given` [K, …] that both know into their places in `tensor` [L, …]."""
        shared = self.shared
        tensor[_numbers(self.ours, shared)] = given[_numbers(self.theirs, shared)].to(tensor.dtype)


def _numbers(names: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """The place of each wanted name among all, the first where there are several."""
    numbers: dict[str, int] = {}
    for number, name in enumerate(names):
        numbers.setdefault(name, number)
    return torch.tensor([numbers[name] for name in wanted])
