"""The fused operation against torch's three: the same numbers and the same gradients."""

import pytest
import torch
import torch.nn.functional as F

from flori import models
from flori.layers.fused_convolution import convolve_relu_max_pool

CASES = [(1, 6, 5, 2, 13, 17), (3, 7, 5, 0, 12, 13), (2, 5, 3, 1, 11, 7), (6, 16, 5, 0, 14, 14)]


def ordinary(x, layer):
    return F.max_pool2d(F.relu(layer(x)), 2)


@pytest.mark.parametrize(("channels", "out", "k", "pad", "height", "width"), CASES)
def test_outputs_and_gradients_equal_torchs(channels, out, k, pad, height, width):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(channels, out, k, padding=pad).double()
    x = torch.randn(3, channels, height, width, dtype=torch.float64, requires_grad=True)
    found, expected = convolve_relu_max_pool(x, layer, torch.float64), ordinary(x, layer)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    weights = torch.randn_like(expected)
    arguments = (x, layer.weight, layer.bias)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), arguments) for y in (found, expected))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-11)


def test_gradient_equals_finite_differences():
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 3, 3).double()
    x = torch.randn(2, 2, 7, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: convolve_relu_max_pool(x, layer, torch.float64), (x,))


def test_ties_give_the_gradient_to_one_of_them():
    layer = torch.nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.zero_()
    x = torch.full((1, 1, 4, 6), 2.0, requires_grad=True)
    convolve_relu_max_pool(x, layer, torch.float32).sum().backward()
    windows = F.avg_pool2d(x.grad, 2) * 4
    assert torch.equal(windows, torch.ones(1, 1, 2, 3)) and set(x.grad.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_minus_zero_is_zero_and_what_is_no_number_stays_none(dtype):
    layer = torch.nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        layer.weight.fill_(-1)
        layer.bias.zero_()
    x = torch.tensor([[[[0.0, -5.0], [0.0, 0.0]]]], requires_grad=True)
    convolve_relu_max_pool(x, layer, dtype).sum().backward()
    assert x.grad.flatten().tolist() == [0, -1, 0, 0]
    for bad in (float("nan"), -float("nan")):
        y = convolve_relu_max_pool(torch.tensor([[[[1.0, bad], [0.0, 0.0]]]]), layer, dtype)
        assert y.isnan().all()


def test_lenet_in_bfloat16_is_near_lenet_in_float32():
    torch.manual_seed(0)
    model, x = models.lenet(), torch.rand(31, 1, 28, 28)
    plain = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        fused = model(x)
    assert (fused.float() - plain).abs().max() < 0.02 * plain.abs().max() + 0.02
