"""Layers that torch lacks: equal to their sums, written out as loops; gradients by finite differences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flori.layers.fourier_convolution import fourier_convolution
from flori.layers.locally_connected import LocallyConnected2d
from flori.layers.separable import SeparableConvolution2d
from flori.layers.sizes import each, output_size
from flori.layers.tiled import TiledConvolution2d
from flori.models import shapes
from flori.reference.convolutional import convolve

STRIDE, PADDING = (1, 2), (1, 0)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def filled(layer):
    """The layer in float64 with random weights and biases."""
    for i, p in enumerate(layer.double().parameters()):
        p.data = noise(*p.shape, seed=i + 1)
    return layer


def array(tensor):
    return tensor.detach().numpy()


def literal(x, kernel_at, bias_at, outputs, kernel, stride, padding):
    """Σ_c Σ_i W_c,i X_c,s·h+i of one input [C, …] in any number of dimensions, W and b those of (o, place)."""
    sizes = [n + 2 * p for n, p in zip(x.shape[1:], padding, strict=True)]
    padded = np.zeros((len(x), *sizes))
    padded[(slice(None), *(slice(p, n - p) for n, p in zip(sizes, padding, strict=True)))] = x
    places = [(n - k + s) // s for n, k, s in zip(sizes, kernel, stride, strict=True)]
    y = np.zeros((outputs, *places))
    for o, *place in np.ndindex(y.shape):
        y[o, *place] = bias_at(o, place)
        for c, *offset in np.ndindex(len(x), *kernel):
            there = [s * h + i for s, h, i in zip(stride, place, offset, strict=True)]
            y[o, *place] += kernel_at(o, place)[c, *offset] * padded[c, *there]
    return y


def same(found, expected):
    np.testing.assert_allclose(array(found), expected, rtol=0, atol=1e-10)


def gradient_is_right(layer, x):
    names, values = zip(*layer.named_parameters(), strict=True)

    def function(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(function, (x.requires_grad_(), *values), fast_mode=True)


def test_size_is_that_of_the_formula():
    # ⌊(n − k + p + s)/s⌋ by hand: AlexNet's first convolution and pooling, one place only, and a rest left over
    assert [output_size(224, 11, 2, 4), output_size(54, 3, 0, 2), output_size(5, 5), output_size(13, 4, 0, 3)] == [
        *(54, 26, 1, 4)
    ]
    for n, k, p, s in np.ndindex(11, 5, 3, 3):
        if k + 1 <= n + 1 + 2 * p:
            torchs = F.conv1d(torch.zeros(1, 1, n + 1), torch.zeros(1, 1, k + 1), padding=p, stride=s + 1).shape[2]
            assert output_size(n + 1, k + 1, 2 * p, s + 1) == torchs


def test_locally_connected_has_a_kernel_of_its_own_everywhere():
    layer = filled(LocallyConnected2d(2, 3, (7, 11), (3, 5), STRIDE, PADDING))
    x, (W, b) = noise(2, 2, 7, 11), (array(layer.weight), array(layer.bias))
    assert W.shape == (7, 4, 3, 2, 3, 5)
    for picture, found in zip(array(x), layer(x), strict=True):
        kernel, bias = (lambda o, place: W[*place, o]), (lambda o, place: b[o, *place])
        same(found, literal(picture, kernel, bias, 3, (3, 5), STRIDE, PADDING))
    gradient_is_right(layer, x)


@pytest.mark.parametrize("tiles", [1, 2, 3, 13])
def test_tiled_uses_its_kernels_in_turn(tiles):
    layer = filled(TiledConvolution2d(2, 3, (3, 5), tiles, STRIDE, PADDING))
    x, (W, b) = noise(2, 2, 7, 11), (array(layer.weight), array(layer.bias))
    for picture, found in zip(array(x), layer(x), strict=True):

        def kernel(o, place):
            return W[place[0] % tiles, place[1] % tiles, o]

        def bias(o, place):
            return b[place[0] % tiles, place[1] % tiles, o]

        same(found, literal(picture, kernel, bias, 3, (3, 5), STRIDE, PADDING))
    gradient_is_right(layer, x)


def test_locally_connected_and_tiled_with_one_kernel_are_convolutions():
    x, W, b = noise(2, 3, 7, 11), noise(5, 3, 3, 3, seed=1), noise(5, seed=2)
    tiled, local = TiledConvolution2d(3, 5, 3, 1), LocallyConnected2d(3, 5, (7, 11), 3)
    tiled.weight.data, tiled.bias.data = W[None, None], b[None, None]
    local.weight.data, local.bias.data = W.expand(5, 9, *W.shape), b[:, None, None].expand(5, 5, 9)
    for layer in (tiled, local):
        same(layer(x), F.conv2d(x, W, b).numpy())


@pytest.mark.parametrize("outer", [False, True])
def test_separable_is_a_convolution_with_a_kernel_that_is_a_product(outer):
    layer = filled(SeparableConvolution2d(2, 3, (3, 5), STRIDE, PADDING, outer=outer))
    if outer:
        u, v = (array(part.weight) for part in layer.depthwise)
        D = np.array([[[u[c, 0, i, 0] * v[c, 0, 0, j] for j in range(5)] for i in range(3)] for c in range(2)])
    else:
        D = array(layer.depthwise.weight)[:, 0]
    W = np.array([[P * D[c] for c, P in enumerate(row)] for row in array(layer.pointwise.weight)[:, :, 0, 0]])
    x = noise(2, 2, 7, 11)
    for picture, found in zip(array(x), layer(x), strict=True):
        same(found, convolve(picture, W, array(layer.pointwise.bias), STRIDE, PADDING))
    assert sum(p.numel() for p in layer.parameters()) == (2 * (3 + 5) if outer else 2 * 3 * 5) + 2 * 3 + 3
    gradient_is_right(layer, x)


CASES = [((11,), (5,), (2,), (1,)), ((7, 11), (3, 5), STRIDE, PADDING), ((3, 5, 7), (2, 3, 5), (1, 2, 1), (1, 0, 2))]
TORCH = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@pytest.mark.parametrize(("sizes", "kernel", "stride", "padding"), CASES)
@pytest.mark.parametrize("flipped", [False, True])
def test_convolution_by_frequencies_is_its_sum(sizes, kernel, stride, padding, flipped):
    x, W, b = noise(2, 2, *sizes), noise(3, 2, *kernel, seed=1), noise(3, seed=2)
    found = fourier_convolution(x, W, b, stride, padding, flipped=flipped)
    turned = W.numpy()[(..., *(slice(None, None, -1) for _ in kernel))] if flipped else W.numpy()
    for picture, y in zip(x.numpy(), found, strict=True):
        same(y, literal(picture, lambda o, _: turned[o], lambda o, _: b[o], 3, kernel, stride, padding))
    same(found, TORCH[len(sizes)](x, torch.tensor(turned.copy()), b, stride, padding).numpy())
    arguments = [t.requires_grad_() for t in (x, W, b)]
    assert torch.autograd.gradcheck(
        lambda *a: fourier_convolution(*a, stride, padding, flipped=flipped), arguments, fast_mode=True
    )


def test_true_convolution_is_numpys_and_commutes():
    a, b = noise(7), noise(3, seed=1)
    full = fourier_convolution(a.view(1, 1, -1), b.view(1, 1, -1), padding=2, flipped=True).flatten()
    same(full, np.convolve(a, b))
    same(fourier_convolution(b.view(1, 1, -1), a.view(1, 1, -1), padding=6, flipped=True).flatten(), full.numpy())


def test_convolution_by_frequencies_keeps_the_type():
    x, W = noise(1, 2, 13, 17).bfloat16(), noise(3, 2, 3, 3, seed=1).bfloat16()
    found = fourier_convolution(x, W)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), F.conv2d(x.float(), W.float()), rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    "call",
    [
        lambda: LocallyConnected2d(1, 1, (3, 11), 6, padding=1),
        lambda: TiledConvolution2d(1, 1, 6, 2, padding=1)(torch.zeros(1, 1, 3, 11)),
        lambda: SeparableConvolution2d(1, 1, 6, padding=1)(torch.zeros(1, 1, 3, 11)),
        lambda: SeparableConvolution2d(1, 1, 6, padding=1, outer=True)(torch.zeros(1, 1, 3, 11)),
        lambda: fourier_convolution(torch.zeros(1, 1, 3, 11), torch.zeros(1, 1, 6, 6), padding=1),
    ],
)
def test_a_kernel_larger_than_the_padded_picture_is_refused(call):
    with pytest.raises(ValueError, match="a kernel of 6 does not fit into a size of 3 padded by 2 in all"):
        call()


def test_locally_connected_refuses_pictures_of_another_size():
    with pytest.raises(ValueError, match=r"\(7, 11\), not of \(11, 7\)"):
        LocallyConnected2d(1, 1, (7, 11), 3)(torch.zeros(1, 1, 11, 7))


def test_one_number_stands_for_all_dimensions():
    assert each(3, 2) == (3, 3) and each((3, 5), 2) == (3, 5)
    with pytest.raises(ValueError, match="2 numbers, or one for all"):
        each((3, 5, 7), 2)


class Everything(torch.nn.Module):
    """One layer of each kind, on [2, 7, 11]; the convolution runs twice."""

    def __init__(self):
        super().__init__()
        self.twice = torch.nn.Conv2d(2, 2, 3, padding=1)
        self.grouped = torch.nn.Conv2d(2, 6, 3, groups=2)
        self.local = LocallyConnected2d(6, 3, (5, 9), (2, 3))
        self.tiled = TiledConvolution2d(3, 5, 3, tiles=2)
        self.separable = SeparableConvolution2d(5, 7, (2, 3), outer=True)
        self.line, self.volume = torch.nn.Conv1d(7, 2, 2), torch.nn.Conv3d(1, 3, 2)
        self.dense = torch.nn.Linear(4, 13)

    def forward(self, x):
        x = self.separable(self.tiled(self.local(self.grouped(self.twice(self.twice(x))))))
        self.volume(x[:, None].expand(-1, -1, -1, 2, -1))
        return self.dense(self.line(x.flatten(2)).flatten(1))


def test_multiply_adds_by_hand():
    found = shapes.layers(Everything(), torch.zeros(1, 2, 7, 11))
    assert [(row["layer"], row["output"], row["parameters"], row["multiply_adds"]) for row in found] == [
        ("twice", [2, 7, 11], 38, 2 * 77 * 18),
        ("twice", [2, 7, 11], 0, 2 * 77 * 18),
        ("grouped", [6, 5, 9], 60, 6 * 45 * 9),  # each of 6 channels sees 1
        ("local", [3, 4, 7], 28 * 3 * 36 + 84, 84 * 36),
        ("tiled", [5, 2, 5], 4 * (5 * 27 + 5), 50 * 27),
        ("separable.depthwise.0", [5, 1, 5], 10, 25 * 2),
        ("separable.depthwise.1", [5, 1, 3], 15, 15 * 3),
        ("separable.pointwise", [7, 1, 3], 42, 21 * 5),
        ("volume", [3, 6, 1, 2], 27, 36 * 8),
        ("line", [2, 2], 30, 4 * 14),
        ("dense", [13], 65, 13 * 4),
    ]
