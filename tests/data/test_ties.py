"""Folds, groups and training parts of so many examples: nothing twice, nothing lost, each class in its share."""

from __future__ import annotations

import pytest
import torch

from flori.core.errors import UserError
from flori.core.recipe import Source
from flori.data.dividing import divide, resampled
from flori.data.ties import Ties, first, folds, held_out

CLASSES = torch.tensor([0] * 17 + [1] * 11 + [2] * 3)


class Numbers(list[int]):
    """A part whose examples are their own numbers."""

    def take(self, index: torch.Tensor) -> Numbers:
        return Numbers(self[i] for i in index.tolist())


@pytest.mark.parametrize("number", [2, 3, 5, 7, 31])
def test_folds_are_alike_in_size_and_classes(number: int) -> None:
    fold = folds(Ties(31, CLASSES), number, seed=4)
    for of_class in (CLASSES == 0, CLASSES == 1, CLASSES == 2, CLASSES >= 0):
        sizes = fold[of_class].bincount(minlength=number)
        assert sizes.sum() == of_class.sum() and sizes.max() - sizes.min() <= 1
    assert torch.equal(fold, folds(Ties(31, CLASSES), number, seed=4))
    assert not torch.equal(fold, folds(Ties(31, CLASSES), number, seed=5))


def test_groups_stay_whole_and_fill_folds_evenly() -> None:
    """By hand: 5, 4, 3, 3, 2, 1 rows go to folds 1 2 3 3 2 1, of 6 rows each."""
    groups = torch.tensor([0] * 5 + [1] * 4 + [2] * 3 + [3] * 3 + [4] * 2 + [5])[torch.randperm(18)]
    fold = folds(Ties(18, groups=groups), 3, seed=0)
    assert fold.bincount().tolist() == [6, 6, 6]
    assert all(len(fold[groups == group].unique()) == 1 for group in range(6))
    assert fold[groups == 0][0] == fold[groups == 5][0] and fold[groups == 2][0] == fold[groups == 3][0]


def test_groups_of_two_classes_are_spread_and_no_fold_is_empty() -> None:
    """Two groups of one class and one of another: three folds of a group each, though classes alone would not say so.
    And twelve groups of two classes: each of three folds has two of either."""
    fold = folds(Ties(3, torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])), 3, seed=1)
    assert fold.sort().values.tolist() == [0, 1, 2]
    groups = torch.arange(12).repeat_interleave(4)
    classes = (groups >= 6).long()
    fold = folds(Ties(48, classes, groups), 3, seed=1)
    assert torch.stack([fold[classes == c].bincount() for c in (0, 1)]).tolist() == [[8, 8, 8], [8, 8, 8]]


def test_fewer_examples_are_among_more_of_them_and_keep_the_shares_of_classes() -> None:
    classes = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    few, more = (first(Ties(100, classes), count, seed=2) for count in (20, 50))
    assert classes[few].bincount().tolist() == [12, 6, 2] and classes[more].bincount().tolist() == [30, 15, 5]
    assert set(few.tolist()) < set(more.tolist()) and torch.equal(few, few.sort().values)
    without = first(Ties(100), 20, seed=2)
    assert set(without.tolist()) < set(first(Ties(100), 50, seed=2).tolist())


def test_a_held_out_share_divides_no_group() -> None:
    groups = torch.arange(101).repeat(10)[:1009]
    kept, held = held_out(Ties(1009, groups=groups), 0.25, seed=3)
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(1009))
    assert not set(groups[kept].tolist()) & set(groups[held].tolist()) and abs(len(held) - 252) <= 10


def test_a_fold_is_the_test_part_and_a_valid_part_is_of_the_others() -> None:
    """The test part that the set brings is left alone."""
    parts = {"train": Numbers(range(31)), "test": Numbers([99])}
    seen: list[int] = []
    for i in range(1, 6):
        options = Source(folds=5, fold=i, valid=0.2)
        found = divide(parts, options, seed=7, needs_valid=False, tie=lambda part: Ties(len(part)))
        assert sorted(sum(found.values(), Numbers())) == list(range(31)) and len(found["valid"]) == 5
        seen += found["test"]
    assert sorted(seen) == list(range(31))


def test_the_seed_of_the_division_is_a_seed_of_its_own() -> None:
    parts, tie = {"train": Numbers(range(31))}, lambda part: Ties(len(part))
    one, two, other = (
        divide(parts, Source(division=division), seed, False, tie) for division, seed in ((3, 1), (3, 2), (None, 3))
    )
    assert one == two == other


def test_a_training_part_drawn_anew_has_as_many_examples_and_some_of_them_twice() -> None:
    parts = {"train": Numbers(range(1009)), "test": Numbers([7])}
    drawn = resampled(parts, Source(bootstrap=True), seed=0)
    assert len(drawn["train"]) == 1009 and drawn["test"] == [7]
    assert abs(len(set(drawn["train"])) / 1009 - (1 - 1 / 2.718281828)) < 0.03  # 1 − (1 − 1/n)^n
    assert drawn["train"] != resampled(parts, Source(bootstrap=True), seed=1)["train"]
    assert resampled(parts, Source(), seed=0) == parts


REFUSED = {
    "more folds than examples": (Source(folds=32, fold=1), "31 examples are too few for 32 folds"),
    "a fold beyond the last": (Source(folds=3, fold=4), "numbered from 1 to 3"),
    "no fold": (Source(folds=3), "go together"),
    "no folds": (Source(fold=3), "go together"),
    "more examples than there are": (Source(examples=29), "28 are all there are"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_divided_is_said(name: str) -> None:
    options, says = REFUSED[name]
    with pytest.raises(UserError, match=says):
        divide({"train": Numbers(range(31))}, options, 0, False, lambda part: Ties(len(part)))


def test_more_folds_than_groups_is_said() -> None:
    with pytest.raises(UserError, match="2 patients are too few for 3 folds"):
        folds(Ties(9, groups=torch.tensor([0, 1, 1] * 3), named="patients"), 3, 0)
