"""The literal operations of convolutional networks against torch's: neither was made from the other."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flori.reference import convolutional as literal


@pytest.fixture
def x():
    return torch.randn(6, 11, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "groups"),
    [
        ((3, 5), (1, 1), (0, 0), 1),
        ((5, 3), (2, 3), (1, 2), 2),
        ((1, 7), (1, 2), (0, 3), 3),
        ((1, 1), (3, 1), (0, 0), 6),
    ],
)
def test_convolution(x, kernel, stride, padding, groups):
    W = torch.randn(12, 6 // groups, *kernel, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    b = torch.arange(12, dtype=torch.float64)
    expected = F.conv2d(x[None], W, b, stride, padding, 1, groups)[0]
    same(literal.convolve(x.numpy(), W.numpy(), b.numpy(), stride, padding, groups), expected)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_max_pooling(x, size, stride, padding, ceil):
    x = x[:2] - 5
    padding = min(padding, size // 2)
    same(literal.max_pool(x.numpy(), size, stride, padding, ceil), F.max_pool2d(x, size, stride, padding, 1, ceil))


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 1), (2, 2, 0), (5, 3, 2)])
def test_average_pooling(x, size, stride, padding):
    same(literal.average_pool(x.numpy(), size, stride, padding), F.avg_pool2d(x, size, stride, padding))


@pytest.mark.parametrize("sizes", [(1, 1), (5, 7), (11, 13), (3, 2)])
def test_adaptive_averages(x, sizes):
    same(literal.adaptive_average(x.numpy(), *sizes), F.adaptive_avg_pool2d(x, sizes))


def test_batch_norm_in_evaluation_relu_and_global_average(x):
    mean, variance, gamma, beta = (torch.arange(1, 7, dtype=torch.float64) * a for a in (0.1, 0.7, -0.3, 0.9))
    expected = F.batch_norm(x[None], mean, variance, gamma, beta, eps=1e-3)[0]
    found = literal.batch_norm(x.numpy(), *(a.numpy() for a in (mean, variance, gamma, beta)), epsilon=1e-3)
    same(found, expected)
    same(literal.relu(found), F.relu(expected))
    same(literal.global_average(x.numpy()), x.mean((1, 2)))
