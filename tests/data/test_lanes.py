"""The order of examples that are read in groups: a permutation, of few groups at a time, workers with groups apart."""

from __future__ import annotations

import numpy as np
import pytest

from flori.core.ranks import Ranks
from flori.data.lanes import order
from flori.data.shares import Share


def cuts(count: int, size: int) -> list[int]:
    return [size] * (count // size) + ([count % size] if count % size else [])


@pytest.mark.parametrize(
    ("count", "each", "size", "lanes"), [(997, 37, 31, 7), (997, 37, 31, 64), (53, 60, 7, 3), (5, 2, 7, 1)]
)
def test_each_example_comes_once(count: int, each: int, size: int, lanes: int) -> None:
    groups = np.arange(count) // each
    for epoch in range(3):
        assert order(groups, cuts(count, size), lanes, 5, epoch).sort().values.tolist() == list(range(count))
    assert order(groups, cuts(count, size), lanes, 5, 1).equal(order(groups, cuts(count, size), lanes, 5, 1))
    if count > 5:
        assert not order(groups, cuts(count, size), lanes, 5, 1).equal(order(groups, cuts(count, size), lanes, 5, 2))


def test_a_last_batch_may_be_larger_by_one() -> None:
    found = order(np.arange(61) // 7, [12, 12, 12, 12, 13], 5, 0, 0)
    assert found.sort().values.tolist() == list(range(61))


def test_few_groups_are_open_and_each_once() -> None:
    count, each, size, lanes = 9973, 101, 64, 8
    groups = np.arange(count) // each
    batches = order(groups, cuts(count, size), lanes, 3, 0).split(cuts(count, size))
    seen: dict[int, list[int]] = {}
    for number, batch in enumerate(batches):
        there = set(groups[batch.numpy()].tolist())
        assert len(there) <= 2 * lanes  # in each lane one, or the end of one and the beginning of the next
        for group in there:
            seen.setdefault(group, []).append(number)
    assert len(seen) == 99
    apart = [numbers for numbers in seen.values() if numbers[-1] - numbers[0] >= len(numbers)]
    assert len(apart) < lanes  # a group where two lanes meet is opened twice


@pytest.mark.parametrize(("ranks", "parts"), [(2, 1), (3, 1), (2, 2)])
def test_workers_go_through_groups_of_their_own(ranks: int, parts: int) -> None:
    count, each, size, lanes = 9973, 101, 60, 12
    groups = np.arange(count) // each
    batches = order(groups, cuts(count, size), lanes, 3, 0).split(cuts(count, size))
    seen = []
    for rank in range(ranks):
        share = Share(Ranks(rank, ranks), parts)
        seen.append({g for batch in batches for g in groups[batch[share.of(len(batch), 2)[0]].numpy()].tolist()})
    assert set().union(*seen) == set(range(99))
    assert sum(map(len, seen)) <= 99 + 2 * ranks * parts


def test_rows_of_a_batch_are_spread_as_by_chance_alone() -> None:
    """Where groups are sorted by class, a batch has nearly as many classes as there are lanes."""
    count, each, size, lanes = 10_000, 100, 50, 25
    groups = np.arange(count) // each
    batches = order(groups, cuts(count, size), lanes, 3, 0).split(size)
    assert np.mean([len(set(groups[batch.numpy()].tolist())) for batch in batches]) > 24
    first = np.concatenate([order(groups, cuts(count, size), lanes, 3, epoch)[:size].numpy() for epoch in range(200)])
    assert abs(first.mean() / count - 0.5) < 0.02 and len(set(first.tolist())) > 6000
