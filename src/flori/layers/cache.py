"""What a decoder need not compute again: keys and values of the tokens that it has seen.

The N rows that are decoded stand in G groups of k, such as the k beams of a sentence. A group has one list of slots:
one for each token of what its rows began with, then k for each token, one a row. A row sees the slots of its own past
alone. So when a beam search reorders rows, or lets several go on from one, it changes which slots each sees, and moves
no keys and values; all k rows look at them in one product.

Letters: h heads, d numbers a head. A cache never changes: one that went on is another, and both can go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from flori.layers.attention import Attend, causal, fused, gathered, kept, spread

ROOM = 32  # tokens that a store is made larger by, at least


@dataclass
class Store:
    """Keys and values of each layer, [G, h, room, d], of which `filled` slots hold something."""

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    filled: int = 0

    @property
    def room(self) -> int:
        """How many slots there are."""
        return self.keys[0].shape[2] if self.keys else 0

    @property
    def device(self) -> torch.device | None:
        """Where it is; None while it is empty."""
        return self.keys[0].device if self.keys else None

    def picked(self, groups: Tensor, slots: Tensor, room: int) -> Store:
        """Another store: slots [M, L] of groups [M] of this one, and room for more."""
        count = slots.shape[1]
        if not count:
            return Store()
        keys, values = ([_picked(t, groups, slots, room) for t in side] for side in (self.keys, self.values))
        return Store(keys, values, count)

    def put(self, layer: int, keys: Tensor, values: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Write slots from `start` on, and give all up to there. What comes first is kept as it is, not copied."""
        if layer == len(self.keys):
            self.keys.append(keys.detach())
            self.values.append(values.detach())
            return keys, values
        count, all_keys, all_values = keys.shape[2], self.keys[layer], self.values[layer]
        all_keys.narrow(2, start, count).copy_(keys)
        all_values.narrow(2, start, count).copy_(values)
        return all_keys.narrow(2, 0, start + count), all_values.narrow(2, 0, start + count)


@dataclass(frozen=True, eq=False)
class Cache:
    """The past of N rows.

    Each has seen `length` tokens; they are in the first `slots` of the store, of which `seen` bool [N, slots] says who
    sees which, None that all see all. `beside` are tensors [G, …] of the groups, such as what an encoder says.
    """

    rows: int
    groups: int
    store: Store
    length: int = 0
    slots: int = 0
    seen: Tensor | None = None
    beside: tuple[Tensor, ...] = ()

    @classmethod
    def empty(cls, rows: int, beside: Sequence[Tensor] = ()) -> Cache:
        """That of rows that have seen nothing."""
        return cls(rows, rows, Store(), beside=tuple(beside))

    def __len__(self) -> int:
        return self.rows

    def longer(self, tokens: Tensor) -> tuple[Cache, Attend]:
        """The cache after tokens [N, T], and how the layers, in turn, attend: each call adds keys and values.

        Raises ValueError for another number of rows.
        """
        if len(tokens) != self.rows:
            raise ValueError(f"tokens of {len(tokens)} rows for a memory of {self.rows}")
        beams, count = self.rows // self.groups, tokens.shape[1]
        before = self._with_room(beams * count)
        stop = before.slots + beams * count
        before.store.filled = stop
        mask = before._mask(count, tokens.device)
        seen = None
        if mask is not None and mask.dim() == 4:
            seen = mask.view(self.groups, beams, count, stop)[:, :, -1].reshape(self.rows, stop)
        longer = replace(before, length=self.length + count, slots=stop, seen=seen)
        return longer, _Appending(before.store, before.slots, beams, mask)

    def _with_room(self, more: int) -> Cache:
        """This cache where slots after its own are free. One that moves leaves behind what no row sees any more: the
        beams of a sentence soon have a common past, of which one copy is enough."""
        if self.store.filled == self.slots and (not self.slots or self.slots + more <= self.store.room):
            return self
        device, beams, seen = self.store.device, self.rows // self.groups, self.seen
        groups = torch.arange(self.groups, device=device)
        slots = torch.arange(self.slots, device=device).expand(self.groups, -1)
        if seen is not None:
            by_group = seen.view(self.groups, beams, self.slots)
            alive = by_group.any(1)
            slots = alive.int().argsort(dim=1, descending=True, stable=True)[:, : int(alive.sum(1).max())]
            seen = by_group.gather(2, slots[:, None].expand(-1, beams, -1)).view(self.rows, -1)
        stop = slots.shape[1] + more
        store = self.store.picked(groups, slots, stop + max(ROOM * beams, stop // 4))
        return replace(self, store=store, slots=slots.shape[1], seen=seen)

    def _mask(self, count: int, device: torch.device) -> Tensor | None:
        """Where T more tokens may look: [T, slots + T], or [G, 1, k·T, slots + k·T] where rows see slots of their own;
        None for everywhere."""
        groups, beams, slots = self.groups, self.rows // self.groups, self.slots
        if beams == 1 and self.seen is None:
            return causal(count, slots + count, device) if count > 1 else None
        own = torch.eye(beams, dtype=torch.bool, device=device)[:, None, :, None]
        new = (own & causal(count, count, device)[:, None]).reshape(beams * count, beams * count)
        past = torch.ones(self.rows, slots, dtype=torch.bool, device=device) if self.seen is None else self.seen
        past = past.view(groups, beams, 1, slots).expand(-1, -1, count, -1).reshape(groups, beams * count, slots)
        return torch.cat((past, new.expand(groups, -1, -1)), -1)[:, None]

    def select(self, rows: Tensor) -> Cache:
        """The cache of rows int64 [N′] of this one, in their order; any may be there several times."""
        beams, count = self.rows // self.groups, len(rows)
        groups, places = rows // beams, torch.arange(count, device=rows.device)
        if count % self.groups == 0 and torch.equal(groups, places // (count // self.groups)):
            same = count == self.rows and torch.equal(rows, places)
            return self if same else replace(self, rows=count, seen=self._seen_by(rows))
        if count % beams == 0 and torch.equal(groups, groups[::beams].repeat_interleave(beams)):
            every = torch.arange(self.slots, device=rows.device).expand(count // beams, -1)
            return self._moved(rows, groups[::beams], every, self._seen_by(rows))
        return self._moved(rows, groups, self._slots_of(rows), None)

    def _moved(self, rows: Tensor, groups: Tensor, slots: Tensor, seen: Tensor | None) -> Cache:
        """The cache of rows in other groups, of which each has slots [G′, L] of one of before."""
        count = slots.shape[1]
        store = self.store.picked(groups, slots, count)
        beside = tuple(t.index_select(0, groups) for t in self.beside)
        return Cache(len(rows), len(groups), store, self.length, count, seen, beside)

    def _seen_by(self, rows: Tensor) -> Tensor | None:
        return None if self.seen is None else self.seen[rows]

    def _slots_of(self, rows: Tensor) -> Tensor:
        """The slots that each row sees, one for each token: [N′, length]."""
        seen = self._seen_by(rows)
        if seen is None:
            return torch.arange(self.length, device=rows.device).expand(len(rows), -1)
        return seen.nonzero()[:, 1].view(len(rows), self.length)


class _Appending:
    """Attention that keeps the keys and values of each layer that calls it."""

    def __init__(self, store: Store, start: int, beams: int, mask: Tensor | None) -> None:
        self.store, self.start, self.beams, self.layer = store, start, beams, 0
        from_nothing = start == 0 and mask is not None and mask.dim() == 2
        self.attend = fused(is_causal=True) if from_nothing else fused(mask)

    def __call__(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        queries, keys, values = (gathered(t, self.beams) for t in (queries, keys, values))
        keys, values = self.store.put(self.layer, keys, values, self.start)
        self.layer += 1
        return spread(self.attend(queries, keys, values), self.beams)


def _picked(t: Tensor, groups: Tensor, slots: Tensor, room: int) -> Tensor:
    """[G, h, ·, d] → [M, h, room, d], its first slots those of groups [M] and slots [M, L]."""
    larger = torch.empty(len(groups), t.shape[1], room, t.shape[3], dtype=kept(t[:0]).dtype, device=t.device)
    larger[:, :, : slots.shape[1]] = t.transpose(1, 2)[groups[:, None], slots].transpose(1, 2)
    return larger
