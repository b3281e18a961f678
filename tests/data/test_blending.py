"""Mixup and cutmix: shares have their distribution, and pictures, classes and losses agree about them."""

from __future__ import annotations

import math

import pytest
import torch

from flori.core.recipe import Data
from flori.data.batches import Batch, Batches
from flori.data.blending import blend, cut_boxes
from flori.data.examples import Part
from flori.data.preparation import PicturePreparation
from flori.objectives.classification import classification


def blended(inputs, targets, place=0, seed=0, epoch=0, **options):
    return Batch(*blend(inputs, targets, Data(**options), seed, epoch, place))


def shares(count=20_011, **options):
    return blended(torch.zeros(count, 1, 1, 1, dtype=torch.float64), torch.zeros(count).long(), **options).shares


@pytest.mark.parametrize("alpha", [1e-30, 1e-4, 0.2, 1.0, 7.0])
def test_shares_have_the_mean_and_variance_of_beta(alpha):
    drawn = shares(mixup=alpha)
    variance = 1 / (4 * (2 * alpha + 1))
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert abs(drawn.mean() - 0.5) < 5 * math.sqrt(variance / len(drawn))
    assert abs(drawn.var() / variance - 1) < 0.05


@pytest.mark.parametrize(("alpha", "law"), [(1.0, lambda x: x), (0.5, lambda x: 2 / math.pi * x.sqrt().asin())])
def test_shares_follow_the_law_of_beta(alpha, law):
    """Beta(1, 1) is uniform, Beta(½, ½) the arcsine law."""
    at = law(shares(mixup=alpha).sort().values)
    assert (at - torch.linspace(0, 1, len(at), dtype=torch.float64)).abs().max() * math.sqrt(len(at)) < 2.7


def test_mixed_pictures_hold_both_in_their_shares_and_the_partners_class():
    pictures = torch.eye(35, dtype=torch.float64).view(35, 1, 5, 7)  # the i-th is white at its i-th pixel
    classes = torch.arange(35) + 100
    batch = blended(pictures, classes, mixup=1.0)
    assert torch.equal(batch.targets, classes) and batch.others is not None and batch.shares is not None
    flat, own = batch.inputs.flatten(1), torch.arange(35)
    other = batch.others - 100
    assert sorted(other.tolist()) == own.tolist() and (other != own).all()
    assert torch.allclose(flat[own, own], batch.shares) and torch.allclose(flat[own, other], 1 - batch.shares)
    assert (flat != 0).sum() == 70 and batch.shares.unique().numel() == 35


def test_cut_pictures_hold_a_rectangle_of_the_partner_and_shares_are_pixels():
    pictures = torch.arange(199.0)[:, None, None, None].expand(-1, 3, 37, 41)
    batch = blended(pictures, torch.arange(199), cutmix=1.0)
    for i in range(199):
        of_other = batch.inputs[i] == batch.others[i]
        assert torch.equal(of_other | (batch.inputs[i] == i), torch.ones_like(of_other))
        assert float(batch.shares[i]) == pytest.approx(1 - int(of_other[0].sum()) / (37 * 41), abs=1e-7)
        rows, columns = of_other[0].any(1), of_other[0].any(0)
        assert torch.equal(of_other, (rows[:, None] & columns).expand(3, -1, -1))
        assert rows.int().diff().abs().sum() <= 2 and columns.int().diff().abs().sum() <= 2
    assert (batch.shares < 0.9).any() and (batch.shares[1:] != batch.shares[:-1]).any()


def test_cut_rectangles_by_hand():
    """A quarter of 100×60 is 50×30; around a corner only a quarter of that is in the picture."""
    found = cut_boxes(
        torch.tensor([0.75, 0.75, 1.0, 0.0]), torch.tensor([[0.5, 0.5], [0, 0], [0.3, 0.3], [0.5, 0.5]]), 100, 60
    )
    assert found.tolist() == [[25, 15, 50, 30], [0, 0, 25, 15], [30, 18, 0, 0], [0, 0, 100, 60]]


def test_centres_of_cuts_are_spread_evenly():
    boxes = blended(torch.zeros(4001, 1, 50, 50), torch.arange(4001), cutmix=50.0)  # about half of each
    assert boxes.shares is not None and 0.5 < boxes.shares.mean() < 0.75
    stripes = torch.arange(4001.0)[:, None, None, None].expand(-1, 1, 50, 50)
    batch = blended(stripes, torch.arange(4001), cutmix=50.0)
    covered = (batch.inputs != stripes).double().mean((0, 1))
    assert (covered - covered.flip(0)).abs().max() < 0.06 and (covered - covered.T).abs().max() < 0.06


def test_both_asked_for_each_batch_has_one_half_and_half():
    pictures = torch.tensor([0.0, 1.0])[:, None, None, None].expand(-1, 1, 7, 11)
    cuts = 0
    for place in range(401):
        inputs = blended(pictures, torch.tensor([0, 1]), place=place, mixup=1.0, cutmix=1.0).inputs
        cuts += bool(((inputs == 0) | (inputs == 1)).all())
    assert abs(cuts - 200) < 5 * math.sqrt(401) / 2


def test_blends_are_a_function_of_seed_epoch_and_place():
    x, y = torch.rand(7, 1, 5, 3), torch.arange(7)
    torch.manual_seed(1)
    first = blended(x, y, mixup=0.4).shares
    torch.manual_seed(2)
    expected = torch.rand(3)
    torch.manual_seed(2)
    assert torch.equal(first, blended(x, y, mixup=0.4).shares)
    assert torch.equal(torch.rand(3), expected)
    for elsewhere in ({"seed": 1}, {"epoch": 1}, {"place": 1}):
        assert not torch.equal(first, blended(x, y, mixup=0.4, **elsewhere).shares)


def test_nothing_is_blended_unasked_or_with_numbers_for_targets():
    x = torch.rand(7, 1, 5, 3)
    for targets, options in ((torch.arange(7), {}), (torch.rand(7), {"mixup": 1.0, "cutmix": 1.0})):
        batch = blended(x, targets, **options)
        assert batch.inputs is x and batch.targets is targets and batch.others is batch.shares is None


class Logits(torch.nn.Module):
    """Each picture's own numbers as its logits."""

    def forward(self, x):
        return x.flatten(1)


def test_the_loss_of_a_blend_by_hand():
    """−λ·log p_a − (1 − λ)·log p_b, averaged: p is (1/2, 1/4, 1/4) and (1/8, 1/8, 3/4)."""
    p = torch.tensor([[2.0, 1, 1], [1, 1, 6]], dtype=torch.float64) / torch.tensor([[4.0], [8]])
    batch = Batch(p.log(), torch.tensor([0, 2]), torch.tensor([1, 0]), torch.tensor([0.3, 0.9], dtype=torch.float64))
    first = -0.3 * math.log(1 / 2) - 0.7 * math.log(1 / 4)
    second = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 8)
    assert float(classification().losses(Logits(), batch)["loss"]) == pytest.approx((first + second) / 2, abs=1e-12)


@pytest.mark.parametrize("option", ["mixup", "cutmix"])
def test_one_example_alone_is_its_own_partner(option):
    x, y = torch.rand(1, 1, 5, 1, dtype=torch.float64), torch.tensor([3])
    batch = blended(x, y, **{option: 1.0})
    losses = [float(classification().losses(Logits(), one)["loss"]) for one in (batch, Batch(x, y))]
    assert torch.allclose(batch.inputs, x) and losses[0] == pytest.approx(losses[1], abs=1e-12)


@pytest.mark.parametrize("option", ["mixup", "cutmix"])
def test_a_batch_in_parts_keeps_each_examples_partner_and_share(option):
    batch = blended(torch.rand(11, 1, 7, 5, dtype=torch.float64), torch.arange(11), **{option: 1.0})
    parts = batch.divided(3)
    assert [len(part) for part in parts] == [4, 4, 3]
    for name in ("inputs", "targets", "others", "shares"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(batch, name))
    entropy = classification(0.1).losses
    summed = sum(entropy(Logits(), part)["loss"] * len(part) / 11 for part in parts)
    assert float(summed) == pytest.approx(float(entropy(Logits(), batch)["loss"]), abs=1e-12)


EVERYTHING = Data(shift=2, flip=True, crop=0.3, colour=0.4, erase=0.5, mixup=0.4, cutmix=1.0)


def batches(targets, options=EVERYTHING, **changes):
    images = torch.randint(1, 256, (23, 3, 13, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    part = Part(images, targets, [""] * 23)
    return Batches(part, 5, PicturePreparation.fit(images), torch.float32, options=options, **changes)


def test_an_epoch_gone_on_with_in_the_middle_blends_the_same():
    one = batches(torch.arange(23))
    whole, rest = list(one.epoch(3)), list(one.epoch(3, start=2))
    assert len(whole) == 5 and all(batch.inputs.dtype == torch.float32 for batch in whole)
    for a, b in zip(whole[2:], rest, strict=True):
        columns = ("inputs", "targets", "others", "shares")
        assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in columns)
    assert not torch.equal(whole[0].shares, next(one.epoch(4)).shares)
    mixed = [batch.shares for batch in batches(torch.arange(23), Data(mixup=0.4)).epoch(0)]
    assert torch.cat(mixed).unique().numel() == 23


def test_numbers_to_predict_and_pictures_to_judge_are_never_blended():
    for batch in (*batches(torch.rand(23)).epoch(0), *batches(torch.arange(23)).in_order()):
        assert batch.others is None and batch.shares is None
    plain = batches(torch.arange(23), options=None)
    assert all(
        torch.equal(a.inputs, b.inputs)
        for a, b in zip(plain.in_order(), batches(torch.arange(23)).in_order(), strict=True)
    )
