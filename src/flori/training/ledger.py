"""The memory of one update, tensor by tensor: when each was made, when it was given up, and what it was for.

Only what operations put out is seen: the rooms that a kernel takes within itself are not.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

KINDS = ("gradients", "held", "workspace")
Timeline = NDArray[np.float64]
"""Bytes of each of `KINDS` after each operation, [3, operations]."""


@dataclass(eq=False)
class _Entry:
    size: int
    born: int
    died: int | None = None
    kind: str = "workspace"
    maker: Any = None


class Ledger(TorchDispatchMode):
    """While it is entered every new tensor is noted. What is kept for the backward pass is `held`, each storage once,
    and not what was there before, such as weights; `who` says whose doing it is."""

    def __init__(self, who: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.who = who
        self.moment = 0
        self.entries: list[_Entry] = []
        self._living: dict[int, _Entry] = {}
        self._open = True

    @contextmanager
    def kept(self) -> Iterator[Ledger]:
        """Within it an update is noted."""
        with torch.autograd.graph.saved_tensors_hooks(self._hold, lambda t: t), self:
            yield self
        self._open = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {id(s) for s in map(_storage, tree_leaves((args, kwargs))) if s is not None}
        output = func(*args, **(kwargs or {}))
        self.moment += 1
        for storage in map(_storage, tree_leaves(output)):
            if storage is not None and id(storage) not in given and id(storage) not in self._living:
                self._note(storage)
        return output

    def gradients(self, model: nn.Module) -> None:
        """Say which of the tensors are the gradients of the weights, after the backward pass."""
        for p in model.parameters():
            if p.grad is not None and (entry := self._living.get(id(_storage(p.grad)))):
                entry.kind = "gradients"

    def timeline(self) -> Timeline:
        """The bytes of each kind that lived after each operation."""
        changes = np.zeros((len(KINDS), self.moment + 2))
        for entry in self.entries:
            row = KINDS.index(entry.kind)
            changes[row, entry.born] += entry.size
            changes[row, self.moment + 1 if entry.died is None else max(entry.died, entry.born) + 1] -= entry.size
        return changes.cumsum(1)[:, 1:-1]

    def held(self) -> list[tuple[Any, int]]:
        """Whose doing it was, and its bytes, of everything that was held."""
        return [(entry.maker, entry.size) for entry in self.entries if entry.kind == "held"]

    def _note(self, storage: torch.UntypedStorage) -> None:
        entry = _Entry(storage.nbytes(), self.moment)
        self.entries.append(entry)
        self._living[id(storage)] = entry
        weakref.finalize(storage, self._forget, id(storage), entry).atexit = False

    def _forget(self, key: int, entry: _Entry) -> None:
        if self._open:
            entry.died = self.moment
        if self._living.get(key) is entry:
            del self._living[key]

    def _hold(self, t: Tensor) -> Tensor:
        if entry := self._living.get(id(_storage(t))):
            entry.maker = self.who() if entry.kind != "held" else entry.maker
            entry.kind = "held"
        return t


def _storage(t: Any) -> torch.UntypedStorage | None:
    """What a tensor's numbers lie in, None of anything else."""
    return t.untyped_storage() if isinstance(t, Tensor) and t.layout == torch.strided else None
