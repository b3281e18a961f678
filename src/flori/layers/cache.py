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
import torch.nn.functional as F
from torch import Tensor

from flori.layers.attention import Attend, causal, gathered, spread

LEAST_ROOM = 64  # tokens


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

    def copy(self, slots: int, room: int) -> Store:
        """The first slots, with room for more."""
        if not slots:
            return Store()
        keys, values = ([_roomier(t, slots, room) for t in side] for side in (self.keys, self.values))
        return Store(keys, values, slots)

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
        stop = self.slots + beams * count
        store = self.store
        if store.filled != self.slots or (self.slots and stop > store.room):
            store = store.copy(self.slots, 2 * max(stop, LEAST_ROOM * beams))
        store.filled = stop
        mask = self._mask(count, tokens.device)
        seen = None
        if mask is not None and mask.dim() == 4:
            seen = mask.view(self.groups, beams, count, stop)[:, :, -1].reshape(self.rows, stop)
        longer = replace(self, store=store, length=self.length + count, slots=stop, seen=seen)
        return longer, _Appending(store, self.slots, beams, mask)

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
            return self._whole_groups(rows, groups[::beams])
        return self._apart(rows, groups)

    def _seen_by(self, rows: Tensor) -> Tensor | None:
        return None if self.seen is None else self.seen[rows]

    def _whole_groups(self, rows: Tensor, groups: Tensor) -> Cache:
        """Some groups, each as a whole, but for the order of its rows."""
        keys, values = (
            [t.narrow(2, 0, self.slots).index_select(0, groups) for t in side]
            for side in (self.store.keys, self.store.values)
        )
        store = Store(keys, values, self.slots) if self.slots else Store()
        beside = tuple(t.index_select(0, groups) for t in self.beside)
        return Cache(len(rows), len(groups), store, self.length, self.slots, self._seen_by(rows), beside)

    def _apart(self, rows: Tensor, groups: Tensor) -> Cache:
        """Rows that fit into no groups: each becomes one, with a copy of what it has seen."""
        seen = self._seen_by(rows)
        slots = torch.arange(self.length, device=rows.device).expand(len(rows), -1)
        if seen is not None:
            slots = seen.nonzero()[:, 1].view(len(rows), self.length)
        keys, values = (
            [t.transpose(1, 2)[groups[:, None], slots].transpose(1, 2) for t in side]
            for side in (self.store.keys, self.store.values)
        )
        store = Store(keys, values, self.length) if self.length else Store()
        beside = tuple(t.index_select(0, groups) for t in self.beside)
        return Cache(len(rows), len(rows), store, self.length, self.length, None, beside)


class _Appending:
    """Attention that keeps the keys and values of each layer that calls it."""

    def __init__(self, store: Store, start: int, beams: int, mask: Tensor | None) -> None:
        self.store, self.start, self.beams, self.mask = store, start, beams, mask
        self.layer = 0

    def __call__(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        queries, keys, values = (gathered(t, self.beams) for t in (queries, keys, values))
        keys, values = self.store.put(self.layer, keys, values, self.start)
        self.layer += 1
        first = self.start == 0 and self.mask is not None and self.mask.dim() == 2
        mask = None if first else self._added(queries)
        found = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=first)
        return spread(found, self.beams)

    def _added(self, queries: Tensor) -> Tensor | None:
        """The mask as numbers to add to the scores: made once, where torch would make them in every layer."""
        if self.mask is not None and self.mask.dtype == torch.bool:
            zeros = torch.zeros(self.mask.shape, dtype=queries.dtype, device=queries.device)
            self.mask = zeros.masked_fill_(~self.mask, -torch.inf)
        return self.mask


def _roomier(t: Tensor, slots: int, room: int) -> Tensor:
    larger = t.new_empty(*t.shape[:2], room, t.shape[3])
    larger[:, :, :slots] = t[:, :, :slots]
    return larger
