"""AlexNet, VGG and ResNet equal torchvision's, given its weights, in training and in evaluation."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as theirs

from flori import models

NETWORKS = {
    "alexnet": ({"version": "2014", "dropout": 0.0}, lambda: theirs.alexnet(num_classes=7, dropout=0.0), 224),
    "vgg11": ({"dropout": 0.0}, lambda: theirs.vgg11(num_classes=7, dropout=0.0), 224),
    "vgg13": ({"dropout": 0.0, "norm": "batch"}, lambda: theirs.vgg13_bn(num_classes=7, dropout=0.0), 224),
    "vgg16": ({"dropout": 0.0}, lambda: theirs.vgg16(num_classes=7, dropout=0.0), 224),
    "vgg19": ({"dropout": 0.0, "norm": "batch"}, lambda: theirs.vgg19_bn(num_classes=7, dropout=0.0), 224),
    "resnet18": ({}, lambda: theirs.resnet18(num_classes=7), 97),
    "resnet34": ({}, lambda: theirs.resnet34(num_classes=7), 97),
    "resnet50": ({}, lambda: theirs.resnet50(num_classes=7), 97),
    "resnet101": ({}, lambda: theirs.resnet101(num_classes=7), 97),
    "resnet152": ({}, lambda: theirs.resnet152(num_classes=7), 97),
}


def unsettle(model: torch.nn.Module) -> None:
    """Norms as after training, so that a swapped one shows; weights that keep numbers of a common size."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for tensor in (layer.weight, layer.running_var):
                torch.nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (layer.bias, layer.running_mean):
                torch.nn.init.normal_(tensor, std=0.1)


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_torchvision(name):
    options, build, side = NETWORKS[name]
    torch.manual_seed(0)
    reference = build()
    unsettle(reference)
    with torch.device("meta"):  # no time for initial weights that are thrown away
        ours = models.build(name, 7, (3, side, side), options)
    ours.load_state_dict({key: tensor.clone() for key, tensor in reference.state_dict().items()}, assign=True)
    x = torch.randn(2, 3, side, side)
    for training in (True, False):  # training first: its running statistics are then compared as well
        with torch.no_grad():
            expected, found = (model.train(training)(x) for model in (reference, ours))
        assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    for key, tensor in reference.state_dict().items():
        assert torch.allclose(ours.state_dict()[key], tensor, rtol=1e-6, atol=1e-6), key


@pytest.mark.parametrize(
    ("name", "shape", "layer", "expected"),
    [
        ("lenet", (1, 28, 28), "classifier.0", 16 * 5 * 5 * 120),
        ("alexnet", (3, 224, 224), "classifier.1", 256 * 5 * 5 * 4096),
        ("vgg16", (3, 224, 224), "classifier.0", 512 * 7 * 7 * 4096),
    ],
)
def test_first_dense_layers_have_the_weights_of_the_book(name, shape, layer, expected):
    with torch.device("meta"):
        model = models.build(name, 10, shape, {})
    assert model.get_submodule(layer).weight.numel() == expected


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7), (1202, 19.4)]
)
def test_resnet_cifar_has_the_parameters_of_the_papers_table(depth, millions):
    """He et al. 2016, table 6."""
    with torch.device("meta"):
        model = models.build("resnet-cifar", 10, (3, 32, 32), {"depth": depth})
    digits = 2 if depth < 110 else 1
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, digits) == millions
