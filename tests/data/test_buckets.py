"""Batches of sequences of like length: every example once, within the budget, little padding, the same again."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from flori.data.buckets import Buckets
from flori.data.sequence_parts import TaggingPart, TextPart, TranslationPart
from flori.data.sequences import IGNORED, Ragged
from flori.data.vocabulary import LANGUAGE, TRANSLATION, Vocabulary

PAD, UNKNOWN, BEGIN, END = range(4)


def pairs(count: int = 1009, longest: int = 31) -> TranslationPart:
    """Pairs of like length in both languages; the source's tokens are 4 + the number of the pair."""
    rng = random.Random(0)
    lengths = [rng.randint(1, longest) for _ in range(count)]
    targets = [max(1, length + rng.randint(-3, 3)) for length in lengths]
    source = Ragged.of([4 + i] * length for i, length in enumerate(lengths))
    return TranslationPart(source, Ragged.of([5] * length for length in targets), PAD, PAD, BEGIN, END)


def test_ragged_rows_are_padded() -> None:
    ragged = Ragged.of([[7, 8, 9], [], [5]])
    assert len(ragged) == 3 and ragged.lengths.tolist() == [3, 0, 1] and ragged[0] == [7, 8, 9]
    assert ragged.padded(np.array([2, 0]), 1).tolist() == [[5, 1, 1], [7, 8, 9]]


def test_a_batch_of_pairs_is_as_by_hand() -> None:
    texts = ["b a", "a", "c b a"], ["x", "y x z", "z y"]
    source, target = (Vocabulary.build(side, "word", special=TRANSLATION) for side in texts)
    assert source.tokens[4:] == ["a", "b", "c"] and target.tokens[4:] == ["x", "y", "z"]
    batch = TranslationPart.of(*texts, source, target).batch(np.array([1, 0]))
    assert batch.source.tolist() == [[4, 0], [5, 4]] and batch.source_lengths.tolist() == [1, 2]
    assert batch.inputs.tolist() == [[2, 5, 4, 6], [2, 4, 0, 0]] and batch.lengths.tolist() == [4, 2]
    assert batch.targets.tolist() == [[5, 4, 6, 3], [4, 3, IGNORED, IGNORED]]
    assert batch.count() == 6


def test_every_pair_comes_once_an_epoch() -> None:
    batches = Buckets(pairs(), budget=997, seed=2)
    for epoch in range(3):
        found = list(batches.epoch(epoch))
        assert len(found) == batches.per_epoch
        assert sorted(int(row[0]) - 4 for batch in found for row in batch.source) == list(range(1009))
        assert all(batch.source.numel() + batch.inputs.numel() <= 997 for batch in found)
    in_order = [int(row[0]) - 4 for batch in batches.in_order() for row in batch.source]
    assert in_order == list(range(1009))


def test_little_is_padding() -> None:
    read = valid = 0
    for batch in Buckets(pairs(), budget=997).epoch(0):
        read += batch.source.numel() + batch.inputs.numel()
        valid += int(batch.source_lengths.sum() + batch.lengths.sum())
    assert valid / read > 0.9


def test_batches_are_full() -> None:
    part = pairs()
    least = int(part.lengths.sum()) / 997
    assert Buckets(part, budget=997).per_epoch < 1.2 * least


def test_epochs_differ_and_an_epoch_gone_on_with_is_the_same() -> None:
    batches = Buckets(pairs(), budget=997, seed=2)
    whole, rest = list(batches.epoch(1)), list(batches.epoch(1, start=5))
    assert all(torch.equal(a.inputs, b.inputs) and torch.equal(a.source, b.source) for a, b in zip(whole[5:], rest))  # noqa: B905
    assert len(rest) == len(whole) - 5
    orders = {tuple(int(row[0]) for batch in batches.epoch(epoch) for row in batch.source) for epoch in range(5)}
    assert len(orders) == 5


def test_a_pair_longer_than_the_budget_comes_alone_and_rows_are_bounded() -> None:
    part = TranslationPart(Ragged.of([[4] * 99, [5], [6], [7]]), Ragged.of([[5]] * 4), PAD, PAD, BEGIN, END)
    assert sorted(map(len, Buckets(part, budget=11).epoch(0))) == [1, 3]
    assert sorted(map(len, Buckets(part, budget=11, most=2).epoch(0))) == [1, 1, 2]


def test_tags_and_classes_are_batched_too() -> None:
    words = [["a", "b", "a"], ["b"]]
    vocabulary = Vocabulary.of_words(words)
    assert vocabulary.tokens[2:] == ["a", "b"]
    tagged = TaggingPart.of(words, [["O", "B-x", "I-x"], ["O"]], vocabulary, ["O", "B-x", "I-x"])
    batch = tagged.batch(np.array([0, 1]))
    assert batch.inputs.tolist() == [[2, 3, 2], [3, 0, 0]] and batch.lengths.tolist() == [3, 1]
    assert batch.targets.tolist() == [[0, 1, 2], [0, IGNORED, IGNORED]] and batch.count() == 4
    texts = TextPart.of(["a b b b", "", "b a"], torch.tensor([2, 0, 1]), vocabulary, longest=3)
    batch = texts.batch(np.array([0, 1, 2]))
    assert batch.inputs.tolist() == [[2, 3, 3], [1, 0, 0], [3, 2, 0]] and batch.targets.tolist() == [2, 0, 1]
    assert [len(batch) for batch in Buckets(texts, budget=100).in_order()] == [3]


def test_a_vocabulary_without_padding_is_refused() -> None:
    plain = Vocabulary.build(["a"], "word", special=LANGUAGE)
    with pytest.raises(ValueError, match="<pad>"):
        TextPart.of(["a"], torch.tensor([0]), plain)
    with pytest.raises(ValueError, match="<bos>"):
        TranslationPart.of(["a"], ["a"], plain, plain)
