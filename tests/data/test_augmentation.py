"""Draws have their distributions and depend on the example alone; doing them is what torchvision does."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torchvision.transforms.v2 as transforms
import torchvision.transforms.v2.functional as tv

from flori.core.recipe import Data
from flori.data.augmentation import augment
from flori.data.draws import Draws, draw

MANY = torch.arange(20_011)
ALL = Data(shift=5, flip=True, crop=0.3, colour=0.4, erase=0.5)


def assert_uniform(values, low, high):
    """Kolmogorov and Smirnov: so far from uniform only one set in a million is."""
    at = ((values.double() - low) / (high - low)).sort().values
    steps = torch.linspace(0, 1, len(at) + 1, dtype=torch.float64)
    distance = torch.maximum((at - steps[:-1]).abs(), (at - steps[1:]).abs()).max()
    assert distance * math.sqrt(len(at)) < 2.7, distance


def drawn(height=4001, width=5003, examples=MANY, seed=0, epoch=0, size=None, **options) -> Draws:
    found = draw(Data(**options), examples, seed, epoch, height, width, size)
    assert found is not None
    return found


def share_and_ratio(boxes, height, width):
    tall, wide = boxes[:, 2].double(), boxes[:, 3].double()
    return tall * wide / (height * width), wide / tall


@pytest.mark.parametrize("crop", [0.08, 0.5, 0.9])
def test_areas_of_crops_are_uniform(crop):
    share, _ = share_and_ratio(drawn(crop=crop).box, 4001, 5003)
    assert_uniform(share, crop, 1)


def test_ratios_of_crops_are_log_uniform_where_they_fit():
    share, ratio = share_and_ratio(drawn(crop=0.08).box, 4001, 5003)
    free = share < 0.59  # below 3/4·4001/5003 every ratio fits
    assert_uniform(ratio[free].log(), math.log(3 / 4), math.log(4 / 3))


def test_ratios_of_large_crops_are_those_of_torchvision():
    """It tries anew until a piece fits: of a square picture's pieces of 86 %, ratios in [0.86, 1/0.86] do."""
    torch.manual_seed(0)
    trying = transforms.RandomResizedCrop(8, scale=(0.86, 0.86))
    image = torch.empty(1, 4001, 4001)
    theirs = torch.tensor([p["width"] / p["height"] for p in (trying.make_params([image]) for _ in range(2003))])
    assert_uniform(theirs.log(), math.log(0.86), -math.log(0.86))
    share, ratio = share_and_ratio(drawn(4001, 4001, torch.arange(100_003), crop=0.5).box, 4001, 4001)
    alike = (share > 0.85) & (share < 0.87)
    assert_uniform((ratio.log() / -share.log())[alike], -1, 1)


def test_places_of_crops_are_uniform():
    box = drawn(crop=0.3).box.double()
    free = torch.tensor([4001, 5003]) - box[:, 2:] + 1
    for axis in range(2):
        roomy = free[:, axis] > 100  # elsewhere whole pixels show
        assert_uniform(((box[:, axis] + 0.5) / free[:, axis])[roomy], 0, 1)
    assert torch.corrcoef((box[:, :2] / free).T)[0, 1].abs() < 0.03


def test_a_piece_comes_to_every_place_where_it_fits():
    places = {tuple(box) for box in drawn(5, 7, crop=0.5).box.tolist()}
    for tall, wide in {place[2:] for place in places}:
        for top in range(5 - tall + 1):
            assert all((top, left, tall, wide) in places for left in range(7 - wide + 1))


@pytest.mark.parametrize(("height", "width"), [(101, 307), (307, 101), (11, 1009), (1, 1), (2, 3)])
def test_a_crop_of_a_long_picture_keeps_its_area_and_lies_inside(height, width):
    box = drawn(height, width, crop=0.3).box
    assert (box[:, :2] >= 0).all() and (box[:, 2:] >= 1).all()
    assert (box[:, :2] + box[:, 2:] <= torch.tensor([height, width])).all()
    share, _ = share_and_ratio(box, height, width)
    half_a_pixel = 0.5 / box[:, 2] + 0.5 / box[:, 3] + 0.25 / (box[:, 2] * box[:, 3])
    assert (share * (1 + half_a_pixel) >= 0.3).all()


def test_moves_are_even():
    found = drawn(shift=3, flip=True)
    places = (found.shift + 3) @ torch.tensor([14, 2]) + found.flip
    counts = torch.bincount(places, minlength=98).double()
    expected = len(MANY) / 98
    assert len(counts) == 98 and ((counts - expected) ** 2 / expected).sum() < 175  # χ² with 97 degrees: p = 2e-6
    assert not drawn(shift=3).flip.any() and not drawn(flip=True).shift.any()


@pytest.mark.parametrize("colour", [0.25, 1.0])
def test_factors_of_colour_are_uniform_and_independent(colour):
    factors = drawn(colour=colour).colour
    for column in factors.T:
        assert_uniform(column, 1 - colour, 1 + colour)
    assert (torch.corrcoef(factors.T) - torch.eye(3)).abs().max() < 0.03


def test_erased_rectangles_are_those_of_the_paper():
    boxes = drawn(4001, 4001, erase=0.3).erase
    given = boxes[:, 2] > 0
    assert abs(given.double().mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / len(MANY))
    share, ratio = share_and_ratio(boxes[given], 4001, 4001)
    assert_uniform(share, 0.02, 1 / 3)
    assert_uniform(ratio[share < 0.3].log(), -math.log(3.3), -math.log(0.3))
    for axis in range(2):
        assert_uniform((boxes[given, axis] + 0.5) / (4001 - boxes[given, 2 + axis] + 1), 0, 1)
    assert not boxes[~given].any()


def fields(draws, rows=slice(None)):
    return {name: value[rows] for name, value in vars(draws).items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_draws_depend_on_the_example_not_on_its_company():
    together = draw(ALL, torch.arange(31), 3, 5, 37, 41)
    for i in range(31):
        assert same(fields(together, slice(i, i + 1)), fields(draw(ALL, torch.tensor([i]), 3, 5, 37, 41)))


def test_draws_change_with_epoch_and_seed_and_from_change_to_change():
    one = draw(ALL, torch.arange(31), 3, 5, 37, 41)
    for other in (draw(ALL, torch.arange(31), 3, 6, 37, 41), draw(ALL, torch.arange(31), 4, 5, 37, 41)):
        assert not any(torch.equal(fields(one)[name], fields(other)[name]) for name in fields(one))
    assert torch.corrcoef(torch.stack([drawn(crop=0.3).box[:, 2], drawn(erase=1.0).erase[:, 2]]))[0, 1].abs() < 0.03


def test_what_else_is_asked_for_changes_no_draw():
    everything, moved = fields(draw(ALL, MANY, 0, 0, 37, 41)), fields(drawn(37, 41, shift=5, flip=True))
    for name, alone in (("box", drawn(37, 41, crop=0.3)), ("colour", drawn(colour=0.4))):
        assert torch.equal(everything[name], fields(alone)[name])
    assert torch.equal(everything["shift"], moved["shift"]) and torch.equal(everything["flip"], moved["flip"])
    assert moved["box"].unique(dim=0).tolist() == [[0, 0, 37, 41]]
    assert (moved["colour"] == 1).all() and not moved["erase"].any()


def test_pictures_of_differing_size_have_the_draws_of_their_own():
    heights, widths, options = torch.tensor([37, 101, 7]), torch.tensor([41, 53, 211]), replace(ALL, erase=1.0)
    together = draw(options, torch.arange(3), 0, 0, heights, widths, size=(29, 31))
    for i in range(3):
        alone = draw(options, torch.tensor([i]), 0, 0, int(heights[i]), int(widths[i]), size=(29, 31))
        assert same(fields(together, slice(i, i + 1)), fields(alone))
    assert torch.equal(together.erase, draw(options, torch.arange(3), 0, 0, 29, 31).erase)


def by_torchvision(picture, box, shift, flip, colour, erase):
    """The same changes to one picture, float [C, H, W] in [0, 1]."""
    size = list(picture.shape[1:])
    picture = tv.resized_crop(picture, *box, size, antialias=True)
    picture = tv.crop(tv.pad(picture, [50]), 50 + shift[0], 50 + shift[1], *size)
    picture = tv.horizontal_flip(picture) if flip else picture
    seen, opacity = picture.split([min(3, len(picture)), max(0, len(picture) - 3)])
    seen = tv.adjust_brightness(seen, colour[0])
    seen = tv.adjust_contrast(seen, colour[1])
    picture = torch.cat([tv.adjust_saturation(seen, colour[2]), opacity])
    return tv.erase(picture, *erase, picture.mean((1, 2), keepdim=True))


ASKED = (
    {"crop": 0.1},
    {"crop": 0.2, "flip": True},
    {"crop": 0.2, "flip": True, "shift": 3},
    {"shift": 11, "flip": True},
    {"colour": 0.5},
    {"colour": 1.0, "flip": True},
    {"shift": 7, "flip": True, "crop": 0.3, "colour": 0.4, "erase": 0.5},
)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: " ".join(asked))
@pytest.mark.parametrize("shape", [(1, 37, 41), (3, 37, 41), (4, 41, 37), (3, 11, 13), (3, 97, 89)])
def test_a_changed_batch_is_what_torchvision_makes_of_each_picture(shape, asked):
    images = torch.randint(0, 256, (17, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    before = images.clone()
    draws = drawn(*shape[1:], examples=torch.arange(17), **asked)
    changed = augment(images, draws)
    assert changed.shape == images.shape and torch.equal(images, before)
    for i in range(17):
        box, shift, flip, colour, erase = (value[i].tolist() for value in fields(draws).values())
        expected = by_torchvision(images[i].double() / 255, box, shift, flip, colour, erase) * 255
        assert (changed[i] - expected).abs().max() < 0.01


@pytest.mark.parametrize("change", ["adjust_brightness", "adjust_contrast", "adjust_saturation", "resized_crop"])
def test_it_is_within_a_grey_level_of_torchvision_on_bytes(change):
    images = torch.randint(0, 256, (13, 3, 37, 41), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    draws = draw(Data(crop=0.3, colour=0.5), torch.arange(13), 0, 0, 37, 41)
    places = {"adjust_brightness": 0, "adjust_contrast": 1, "adjust_saturation": 2}
    colour, box = torch.ones(13, 3, dtype=torch.float64), torch.tensor([0, 0, 37, 41]).repeat(13, 1)
    if change == "resized_crop":
        box = draws.box
    else:
        colour[:, places[change]] = draws.colour[:, places[change]]
    changed = augment(images, Draws(box, torch.zeros_like(draws.shift), draws.flip & False, colour, draws.erase * 0))
    for i in range(13):
        if change == "resized_crop":
            expected = tv.resized_crop(images[i], *box[i].tolist(), [37, 41])
        else:
            expected = getattr(tv, change)(images[i], float(colour[i, places[change]]))
        assert (changed[i].to(torch.uint8).int() - expected.int()).abs().max() <= 1


def test_bytes_stay_bytes_where_no_number_between_them_is_needed():
    images = torch.randint(0, 256, (19, 3, 37, 41), dtype=torch.uint8)
    draws = drawn(37, 41, torch.arange(19), shift=2, flip=True, erase=0.7)
    changed, moved = augment(images, draws), augment(images, drawn(37, 41, torch.arange(19), shift=2, flip=True))
    assert changed.dtype == moved.dtype == torch.uint8
    for i, (top, left, tall, wide) in enumerate(draws.erase.tolist()):
        expected = moved[i].clone()
        expected[:, top : top + tall, left : left + wide] = moved[i].double().mean((1, 2)).round()[:, None, None]
        assert torch.equal(changed[i], expected)


def test_nothing_asked_for_is_the_very_same_tensor():
    images = torch.randint(0, 256, (5, 3, 7, 11), dtype=torch.uint8)
    assert draw(Data(), torch.arange(5), 0, 0, 7, 11) is None
    assert augment(images, None) is images
    unlucky = next(n for n in range(50) if not drawn(7, 11, torch.tensor([n]), flip=True).flip.any())
    assert augment(images[:1], drawn(7, 11, torch.tensor([unlucky]), flip=True)).data_ptr() == images.data_ptr()
