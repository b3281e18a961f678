"""Convolutional networks against their equations: thin, on a small picture, with any weights and running values."""

import functools

import numpy as np
import pytest
import torch

from flori import models
from flori.models.resnet import DEPTHS
from flori.models.vgg import BLOCKS
from flori.reference import alexnet, nin, resnet, resnet_cifar, vgg

SMALL, LARGE = (2, 11, 13), (2, 67, 71)


def randomised(model):
    """The network in float64 and evaluation mode, every number in it random."""
    torch.manual_seed(0)
    for name, value in model.double().eval().state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.3, 1)
        elif value.dim() > 1:
            value.normal_(std=(2 / value[0].numel()) ** 0.5)
        elif value.is_floating_point():
            value.normal_(mean=1 if name.endswith("weight") else 0.1, std=0.1)
    return model


def check(model, shape, forward):
    model = randomised(model)
    x = 3 * torch.randn(2, *shape, dtype=torch.float64)
    with torch.no_grad():
        other, found = model(x).numpy()
    expected = forward(x[1].numpy(), {name: value.numpy() for name, value in model.state_dict().items()})
    largest = abs(expected).max()
    assert len(expected) == 7 and abs(other - expected).max() > 0.0001 * largest, "the picture does not matter"
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * max(1, largest))


@pytest.mark.parametrize("version", ["2012", "2014"])
@pytest.mark.parametrize("shape", [SMALL, (2, 8, 8), LARGE, (2, 239, 11)])
def test_alexnet(version, shape):
    model = models.alexnet(
        7, shape, version=version, hidden=13 * 16, width=1 / 24, stem="auto" if shape[1] < 64 else "large"
    )
    padding, most = {"2012": (1, 5), "2014": (2, 6)}[version]
    check(model, shape, functools.partial(alexnet.forward, small=shape[1] < 64, padding=padding, most=most))


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("depth", BLOCKS)
def test_vgg(depth, norm):
    model = models.BUILDERS[f"vgg{depth}"](7, SMALL, norm=norm, hidden=11 * 16, width=1 / 16)
    check(model, SMALL, functools.partial(vgg.forward, blocks=BLOCKS[depth], norm=norm == "batch"))


@pytest.mark.parametrize("shape", [(2, 37, 41), (2, 257, 8)])
def test_vgg_whose_last_map_is_averaged(shape):
    model = models.vgg11(7, shape, hidden=11 * 16, width=1 / 16)
    check(model, shape, functools.partial(vgg.forward, blocks=BLOCKS[11]))


@pytest.mark.parametrize("shape", [SMALL, (2, 8, 8), LARGE])
def test_nin(shape):
    check(models.nin(7, shape, width=1 / 16), shape, functools.partial(nin.forward, small=shape[1] < 64))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("stem", ["small", "large"])
def test_resnet(depth, stem):
    shape = (2, 37, 41) if stem == "large" else SMALL
    model = models.BUILDERS[f"resnet{depth}"](7, shape, width=1 / 24, stem=stem)
    block = resnet.basic if depth < 50 else resnet.bottleneck
    forward = functools.partial(resnet.forward, blocks=DEPTHS[depth][1], block=block, small=stem == "small")
    check(model, shape, forward)


@pytest.mark.parametrize("stem", ["small", "large"])
@pytest.mark.parametrize("n", [1, 3])
def test_resnet_for_small_pictures(n, stem):
    shape = (2, 37, 41) if stem == "large" else SMALL
    model = models.resnet_cifar(7, shape, depth=6 * n + 2, width=1 / 8, stem=stem)
    check(model, shape, functools.partial(resnet_cifar.forward, n=n, small=stem == "small"))
