"""A text in windows and streams: every token once an epoch, targets one on, the same batches from the middle on."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from flori.core.errors import UserError
from flori.data.sequences import IGNORED, TokenBatch
from flori.data.windows import Streams, Windows

SIZES = [(2, 3, 5), (3, 1, 2), (7, 2, 3), (8, 2, 3), (9, 2, 3), (10, 2, 3), (101, 3, 7), (102, 3, 7), (103, 5, 1)]
SIZES += [(104, 1, 7), (31, 7, 997), (1009, 11, 13), (57, 97, 5)]
"""Tokens, rows of a batch, places of a row."""


def numbered(count: int) -> np.ndarray:
    """Tokens that are their own places."""
    return np.arange(count, dtype=np.uint16)


def targets(batches: list[TokenBatch]) -> list[int]:
    """All targets; each must be one on from its input."""
    found = []
    for batch in batches:
        assert batch.inputs.shape == batch.targets.shape and batch.inputs.dtype == torch.int64
        mine = batch.targets != IGNORED
        assert torch.equal(batch.targets[mine], batch.inputs[mine] + 1)
        found += batch.targets[mine].tolist()
    return found


@pytest.mark.parametrize("kind", [Windows, Streams])
@pytest.mark.parametrize(("count", "size", "length"), SIZES)
def test_every_token_is_a_target_once_an_epoch(kind, count: int, size: int, length: int) -> None:
    batches = kind(numbered(count), size, length, seed=1)
    for epoch in range(9):
        found = list(batches.epoch(epoch))
        assert len(found) == batches.per_epoch
        assert all(1 <= len(batch) <= size and batch.inputs.shape[1] <= length for batch in found)
        assert sorted(targets(found)) == list(range(1, count))
    assert sorted(targets(list(batches.in_order()))) == list(range(1, count))


@pytest.mark.parametrize("kind", [Windows, Streams])
def test_an_epoch_gone_on_with_in_the_middle_is_the_same(kind) -> None:
    batches = kind(numbered(1009), 5, 11, seed=3)
    for start in (0, 1, batches.per_epoch - 1, batches.per_epoch):
        whole, rest = list(batches.epoch(2))[start:], list(batches.epoch(2, start))
        assert len(whole) == len(rest)
        for a, b in zip(whole, rest, strict=True):
            assert torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) and a.fresh == b.fresh


def test_windows_are_of_one_length_and_mostly_full() -> None:
    batches = list(Windows(numbered(1009), 4, 13).epoch(0))
    assert {batch.inputs.shape[1] for batch in batches} == {13}
    shorter = sum(int(((batch.targets != IGNORED).sum(1) < 13).sum()) for batch in batches)
    assert shorter <= 3


def test_offsets_and_order_change_with_epoch_and_seed() -> None:
    firsts = {
        tuple(next(Windows(numbered(1009), 4, 13, seed=seed).epoch(epoch)).inputs[:, 0].tolist())
        for seed in range(3)
        for epoch in range(7)
    }
    assert len(firsts) == 21
    cuts = {int(next(Windows(numbered(1009), 1009, 13).epoch(epoch)).inputs[:, 0].sort()[0][1]) for epoch in range(99)}
    assert cuts == {*range(1, 13)}  # an offset of 0 leaves a window fewer: the first is cut in two, at 6


@pytest.mark.parametrize("length", [1, 2, 13, 211, 307])
def test_in_order_windows_follow_each_other_and_see_half_a_window_of_context(length: int) -> None:
    place, width = {}, min(length, 210)
    for batch in Windows(numbered(211), 3, length).in_order():
        for row, own in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
            place |= {target: i for i, target in enumerate(own) if target != IGNORED}
            assert row == list(range(row[0], row[0] + width))
    assert list(place) == sorted(place) == list(range(1, 211))
    assert all(seen >= min(width // 2, target - 1) for target, seen in place.items())


def test_streams_read_on_from_batch_to_batch() -> None:
    batches = Streams(numbered(1009), 7, 13, seed=5)
    for found in (list(batches.epoch(4)), list(batches.in_order())):
        assert [batch.fresh for batch in found] == [True] + [False] * (len(found) - 1)
        rows = torch.cat([batch.inputs for batch in found], 1)
        assert torch.equal(rows[:, 1:], rows[:, :-1] + 1)
        assert rows[0, 0] == 0 and rows.shape[0] == 7
        lengths = (torch.cat([batch.targets for batch in found], 1) != IGNORED).sum(1)
        assert lengths.max() - lengths.min() <= 1
    firsts = {next(batches.epoch(epoch)).inputs.shape[1] for epoch in range(99)}
    assert len(firsts) > 3 and max(firsts) == 13


def test_a_mapped_file_gives_what_the_array_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flori.data.windows.LARGE", 1)
    numbered(1009).tofile("tokens")
    mapped = np.memmap("tokens", np.uint16, "r")
    for kind in (Windows, Streams):
        pairs = zip(kind(mapped, 4, 13).epoch(1), kind(numbered(1009), 4, 13).epoch(1), strict=True)
        assert all(torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) for a, b in pairs)


def test_a_batch_of_a_long_text_takes_no_memory_for_the_others() -> None:
    """A billion tokens, 2 GiB in a file without blocks: a list of its 17 million windows alone would take 134 MB."""
    with open("tokens", "wb") as file:
        file.truncate(1 << 31)
    mapped = np.memmap("tokens", np.uint16, "r")
    tracemalloc.start()
    for kind in (Windows, Streams):
        batches = kind(mapped, 32, 64)
        for found in (batches.epoch(0), batches.epoch(1, batches.per_epoch - 1), batches.in_order()):
            assert next(found).inputs.shape[1] == 64
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_divided_parts_have_all_targets_and_say_how_many() -> None:
    (batch,) = Windows(numbered(57), 97, 5).epoch(0)
    for count in (1, 2, 3, 997):
        parts = batch.divided(count)
        assert len(parts) == min(count, len(batch)) and sum(map(len, parts)) == len(batch)
        assert sum(part.count() for part in parts) == batch.count() == 56
        assert torch.equal(torch.cat([part.inputs for part in parts]), batch.inputs)


def test_one_token_predicts_nothing() -> None:
    for kind in (Windows, Streams):
        with pytest.raises(UserError, match="1 tokens has nothing to predict"):
            kind(numbered(1), 2, 3)
