"""Randomness is a function of (seed, epoch, step, example); order, augmentation and splits come from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flori.core import seeds
from flori.core.errors import UserError
from flori.core.recipe import Data
from flori.data.augmentation import augment
from flori.data.batches import Batches
from flori.data.draws import draw
from flori.data.examples import Part, split
from flori.data.preparation import PicturePreparation


def test_uniforms_depend_on_the_example_not_on_its_company():
    together = seeds.uniforms(3, "augment", 5, torch.arange(101), 3)
    alone = torch.cat([seeds.uniforms(3, "augment", 5, torch.tensor([i]), 3) for i in range(101)])
    assert torch.equal(together, alone)
    assert not torch.equal(together, seeds.uniforms(3, "augment", 6, torch.arange(101), 3))
    assert not torch.equal(together, seeds.uniforms(4, "augment", 5, torch.arange(101), 3))


def test_uniforms_are_uniform_and_independent():
    draw = seeds.uniforms(0, "test", 0, torch.arange(200_000), 2)
    assert draw.min() >= 0 and draw.max() < 1
    counts = torch.histc(draw, 50, 0, 1) / draw.numel() * 50
    assert (counts - 1).abs().max() < 0.05
    following = torch.corrcoef(torch.stack([draw[:-1, 0], draw[1:, 0], draw[1:, 1]]))
    assert (following - torch.eye(3)).abs().max() < 0.01


def test_splitmix_equals_its_definition():
    """The generator of Steele, Lea and Flood with Python's whole numbers."""

    def mix(z: int) -> int:
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    start = seeds.key(7, "augment", 2)
    expected = [(mix((start + (i + 1) * 0x9E3779B97F4A7C15) % 2**64) >> 11) / 2**53 for i in range(12)]
    assert seeds.uniforms(7, "augment", 2, torch.arange(4), 3).flatten().tolist() == expected


def test_order_is_a_permutation_that_changes_with_epoch_and_seed():
    orders = [seeds.order(seed, epoch, 97).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(97)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_scope_leaves_the_callers_randomness_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with seeds.scope(1, "step", 2):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected) and not torch.equal(inside, expected)


def batches(count=23, size=5, **changes):
    images = torch.randint(1, 256, (count, 2, 7, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    part = Part(images, torch.arange(count), [""] * count)
    return Batches(part, size, PicturePreparation.fit(images), torch.float32, **changes)


def test_every_example_is_used_once_an_epoch_and_none_is_dropped():
    found = [batch.targets.tolist() for batch in batches().epoch(0)]
    assert [len(batch) for batch in found] == [5, 5, 5, 5, 3]
    assert sorted(target for batch in found for target in batch) == list(range(23))


def test_an_epoch_gone_on_with_in_the_middle_is_the_same():
    one = batches(options=Data(shift=2, flip=True))
    whole, rest = list(one.epoch(3)), list(one.epoch(3, start=2))
    for a, b in zip(whole[2:], rest, strict=True):
        assert torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)


def test_augmentation_does_not_depend_on_the_batch_size():
    by_example = []
    for size in (5, 23):
        found = {}
        for batch in batches(size=size, options=Data(shift=2, flip=True)).epoch(1):
            found |= {int(t): x for x, t in zip(batch.inputs, batch.targets, strict=True)}
        by_example.append(found)
    assert all(torch.equal(by_example[0][i], by_example[1][i]) for i in range(23))


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_every_augmented_picture_is_a_shifted_or_mirrored_original(shift, flip):
    images = torch.randint(1, 256, (1500, 1, 5, 7), dtype=torch.uint8)
    changed = augment(images, draw(Data(shift=shift, flip=flip), torch.arange(1500), 0, 0, 5, 7))
    padded = torch.nn.functional.pad(images, (shift,) * 4)
    seen = set()
    for i in range(1500):
        options = {}
        for down in range(2 * shift + 1):
            for right in range(2 * shift + 1):
                window = padded[i, :, down : down + 5, right : right + 7]
                options[down, right, False] = window
                options[down, right, True] = window.flip(2)
        matching = [key for key, window in options.items() if torch.equal(window, changed[i])]
        assert matching, i
        seen.add(matching[0])
    assert len(seen) == (2 * shift + 1) ** 2 * (1 + flip)


def test_standardised_pictures_have_mean_zero_and_deviation_one():
    images = torch.randint(0, 256, (31, 3, 13, 7), dtype=torch.uint8)
    prepared = PicturePreparation.fit(images)
    x = prepared.apply(images, torch.float64)
    assert x.mean((0, 2, 3)).abs().max() < 1e-12
    assert (x.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-12


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_split_is_stratified_exact_and_seeded(share):
    classes = torch.tensor([0] * 50 + [1] * 30 + [2] * 19 + [3])
    kept, held = split(100, share, 0, classes)
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(100))
    assert len(held) == round(share * 100)
    for c, count in enumerate((50, 30, 19, 1)):
        assert abs(int((classes[held] == c).sum()) - share * count) <= 1
        assert int((classes[kept] == c).sum()) >= 1
    assert torch.equal(held, split(100, share, 0, classes)[1])
    assert not torch.equal(held, split(100, share, 1, classes)[1])


def test_what_cannot_be_split_is_said():
    with pytest.raises(UserError, match="too few"):
        split(3, 0.1, 0, torch.tensor([0, 1, 2]))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 97, 1009, 4096, 4097])
def test_places_are_an_order_of_all_examples(count):
    examples = seeds.places(3, 5, count)
    whole = examples(np.arange(count))
    assert sorted(whole.tolist()) == list(range(count))
    assert np.array_equal(examples(np.arange(count)[::-3]), whole[::-3])
    if count > 7:
        assert not np.array_equal(whole, seeds.places(3, 6, count)(np.arange(count)))
        assert not np.array_equal(whole, seeds.places(4, 5, count)(np.arange(count)))


def test_places_of_very_many_examples_are_quick_and_different():
    asked = np.arange(10**12, 10**12 + 4099)
    found = seeds.places(0, 0, 10**13)(asked)
    assert len(set(found.tolist())) == 4099 and found.min() >= 0 and found.max() < 10**13
    assert abs(found.mean() / 10**13 - 0.5) < 5 * 12**-0.5 / 4099**0.5


def test_every_example_is_as_often_at_every_place():
    """Within five standard deviations, over 3,000 epochs; and so is every pair of neighbours."""
    count, epochs = 5, 3000
    at, after = np.zeros((count, count)), np.zeros((count, count))
    for epoch in range(epochs):
        order = seeds.places(0, epoch, count)(np.arange(count))
        at[np.arange(count), order] += 1
        after[order[:-1], order[1:]] += 1
    for found, chance in ((at, 1 / count), (after[~np.eye(count, dtype=bool)], 1 / count)):
        assert abs(found - epochs * chance).max() < 5 * (epochs * chance * (1 - chance)) ** 0.5
