"""Batch norm equals its equation, and no way of cutting a set into batches leaves it one example alone."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.bad_input.making import classes

import flori
from flori import models
from flori.core.errors import UserError
from flori.core.recipe import Training
from flori.data.batches import Batch, Batches
from flori.data.examples import Part
from flori.data.preparation import PicturePreparation
from flori.objectives.classification import classification
from flori.reference import batch_norm
from flori.reference.convolutional import batch_norm as evaluated
from flori.training import optimizers
from flori.training.state import State
from flori.training.updates import descent

ONE_PIXEL = {"model.stem": "large", "model.width": 1 / 32, "device": "cpu", "precision": "float32"}
"""Settings with which resnet18 sees a picture of 13×13 as one pixel in the end."""


def randomised(layer):
    generator = torch.Generator().manual_seed(0)
    for value in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
        value.uniform_(0.5, 2, generator=generator)
    return layer.double()


def arrays(layer):
    """Running mean and variance, scale, shift."""
    parts = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    return [part.detach().numpy().copy() for part in parts]


@pytest.mark.parametrize("momentum", [0.1, 0.7])
@pytest.mark.parametrize("shape", [(2, 5, 3, 7), (11, 3, 1, 1)])
def test_torchs_batch_norm_is_the_equation_in_training_and_evaluation(shape, momentum):
    layer = randomised(torch.nn.BatchNorm2d(shape[1], eps=1e-3, momentum=momentum))
    for seed in (1, 2):
        x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3 + 1
        expected = batch_norm.train(x.numpy(), *arrays(layer), epsilon=1e-3, momentum=momentum)
        found = (layer.train()(x), layer.running_mean, layer.running_var)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.detach(), b, rtol=0, atol=1e-12)
        expected = [evaluated(picture, *arrays(layer), epsilon=1e-3) for picture in x.numpy()]
        np.testing.assert_allclose(layer.eval()(x).detach(), expected, rtol=0, atol=1e-12)


def test_batch_norm_of_features_is_that_of_maps_of_one_pixel():
    layer, x = randomised(torch.nn.BatchNorm1d(3)), torch.randn(7, 3, dtype=torch.float64)
    expected, mean, variance = batch_norm.train(x[..., None, None].numpy(), *arrays(layer))
    np.testing.assert_allclose(layer(x).detach(), expected[..., 0, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.running_mean, mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.running_var, variance, rtol=0, atol=1e-12)


def pictures(count):
    images = torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Part(images, torch.arange(count) % 3, [str(i) for i in range(count)])


def batches_of(count, size):
    preparation = PicturePreparation((8, 8), (0.5,), (0.3,))
    return Batches.of(pictures(count), size, preparation, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("size", [2, 3, 5, 64])
def test_no_batch_and_no_part_of_one_is_of_one_example(size):
    for count in range(2, 19):
        batches = batches_of(count, size)
        epoch = list(batches.epoch(0))
        assert len(epoch) == batches.per_epoch and sum(len(batch) for batch in epoch) == count
        assert all(2 <= len(batch) <= size + 1 for batch in epoch)
        for batch in epoch:
            for parts in (batch.divided(accumulate) for accumulate in (1, 2, 3, 7)):
                assert all(len(part) >= 2 for part in parts) and len(parts) >= 1
                assert torch.equal(torch.cat([part.inputs for part in parts]), batch.inputs)
                assert torch.equal(torch.cat([part.targets for part in parts]), batch.targets)


def test_parts_are_as_many_as_asked_for_where_there_are_enough():
    batch = Batch(torch.zeros(7, 1), torch.zeros(7))
    assert [[len(part) for part in batch.divided(n)] for n in (1, 2, 3, 4)] == [[7], [4, 3], [3, 2, 2], [3, 2, 2]]


@pytest.mark.parametrize("accumulate", [1, 2, 5])
def test_maps_of_one_pixel_train_where_the_last_batch_would_hold_one_example(accumulate):
    torch.manual_seed(0)
    model = models.resnet18(3, (1, 8, 8), width=1 / 32)
    assert model.layer4(model.layer3(model.layer2(model.layer1(torch.zeros(2, 2, 8, 8))))).shape[2:] == (1, 1)
    options = Training(lr=0.01, accumulate=accumulate)
    state = State(model, optimizers.build(model, options), None)
    update = descent(classification(), options, 3, torch.device("cpu"), "float32")
    losses = [update(state, batch) for batch in batches_of(13, 4).epoch(0)]
    assert len(losses) == 3 and all(loss.isfinite() for loss in losses)
    assert all(value.isfinite().all() for value in model.state_dict().values())


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_whose_last_batch_would_hold_one_example(accumulate):
    classes(Path("train/train"), each=5), classes(Path("train/test"), each=3)
    settings = ONE_PIXEL | {"training.accumulate": accumulate}
    run = flori.train("resnet18", data="train", run="run", batch=3, epochs=2, **settings)
    assert run.summary["steps"] == 6
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert all(math.isfinite(line["loss"]) for line in lines)


def test_batches_of_one_are_refused_before_training():
    classes(Path("pictures"))
    with pytest.raises(UserError, match=r"batch=1: resnet18 has batch norm.* batch=2 or more.* training\.accumulate"):
        flori.train("resnet18", data="pictures", run="run", batch=1, **ONE_PIXEL)
    assert not Path("run").exists()


def test_a_network_without_batch_norm_takes_batches_of_one():
    classes(Path("pictures"), each=2)
    assert flori.train("lenet", data="pictures", run="run", batch=1, epochs=1).summary["status"] == "done"
