"""The same weights by the same names, the same numbers as torchvision, in evaluation and in training."""

import pytest
import torch
import torchvision

from flori.layers.inception_network import InceptionNetwork
from flori.models.googlenet import googlenet
from flori.models.inception_v3 import inception_v3

CLASSES = 11


@pytest.fixture(autouse=True)
def same_draws():
    torch.manual_seed(0)


def stir(model: torch.nn.Module) -> None:
    """Norms with statistics and weights of their own, or a norm that is left out would not be missed."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias, std=0.1)
        elif isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)


def theirs(name: str, **options: float) -> torch.nn.Module:
    model = torchvision.models.get_model(
        name, weights=None, num_classes=CLASSES, init_weights=False, aux_logits=True, dropout=0.0, **options
    )
    stir(model)
    return model


def ours(build, other: torch.nn.Module, size: int) -> InceptionNetwork:
    model = build(CLASSES, (3, size, size), stem="large", dropout=0.0)
    model.load_state_dict(other.state_dict(), strict=True)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    return model


def assert_equal(one: torch.Tensor, other: torch.Tensor) -> None:
    assert one.shape == other.shape == (2, CLASSES)
    assert (other[0] - other[1]).abs().max() > 1e-3 * other.abs().max()  # two pictures, two answers
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * float(other.abs().max()))


@torch.no_grad()
def test_googlenet():
    other = theirs("googlenet", dropout_aux=0.0)
    model = ours(googlenet, other, 96)
    x = torch.randn(2, 3, 96, 80)
    assert_equal(model.eval()(x), other.eval()(x))
    logits, first, second = model.train()(x)
    expected = other.train()(x)
    assert_equal(logits, expected.logits)
    assert_equal(first, expected.aux_logits1)
    assert_equal(second, expected.aux_logits2)


@torch.no_grad()
def test_inception_v3_evaluating():
    other = theirs("inception_v3").eval()
    x = torch.randn(2, 3, 107, 91)
    assert_equal(ours(inception_v3, other, 107).eval()(x), other(x))


@torch.no_grad()
def test_inception_v3_training():
    other = theirs("inception_v3").train()
    x = torch.randn(2, 3, 299, 299)  # no smaller picture gives the 17×17 maps that torchvision's head needs
    logits, auxiliary = ours(inception_v3, other, 299).train()(x)
    expected = other(x)
    assert_equal(logits, expected.logits)
    assert_equal(auxiliary, expected.aux_logits)


@pytest.mark.parametrize(("build", "name"), [(googlenet, "googlenet"), (inception_v3, "inception_v3")])
def test_as_many_parameters(build, name):
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in model.parameters())
            for model in (build(1000), torchvision.models.get_model(name, init_weights=False, aux_logits=True))
        ]
    assert counts[0] == counts[1] == {"googlenet": 13_004_888, "inception_v3": 27_161_264}[name]


@torch.no_grad()
def test_running_statistics_move_as_theirs():
    other = theirs("googlenet", dropout_aux=0.0).train()
    model = ours(googlenet, other, 64).train()
    x = torch.randn(2, 3, 64, 64)
    model(x)
    other(x)
    mine = model.state_dict()
    for name, value in other.state_dict().items():
        if "running" in name:
            torch.testing.assert_close(mine[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}")
