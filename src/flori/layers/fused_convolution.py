"""Convolution, ReLU and 2×2 max pooling as one operation, made of a few large matrix products.

For small pictures a processor spends most of a convolutional network's time moving memory: the convolution's
output is four times what the pooling keeps, and its few channels fill no vector. Here a strip of k+1 rows of
the picture is one row of a matrix X, and the kernel is written into a band matrix T, so that X·T gives the two
rows of outputs that the strip leads to. T's columns are ordered by their place in the 2×2 window: pooling
becomes the maximum of two halves of the product, twice. Products with T do more multiplications than the
convolution needs, (k+1)·W/k² times as many, which pays where the processor multiplies bfloat16 matrices in
hardware and W is small.

After ReLU no number has a sign, so the bits of floats are ordered as integers are: maxima and the masks of
their gradients are taken on integers of the same width, which is several times as fast.

Letters: B pictures of H×W with C channels; kernel k×k to O channels; I×J outputs after pooling.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDEST = 48  # columns of a padded picture up to which the band matrix pays
BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def pays(x: Tensor, *layers: nn.Module) -> bool:
    """Whether the fused operation is the faster one for pictures [B, C, H, W] under the present autocast. It is for
    layers that no ranks divide: what each makes would have to be added up before it goes through ReLU."""
    divided = any(hasattr(p, "full_tensor") for layer in layers for p in layer.parameters())
    return x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and x.shape[-1] <= WIDEST and not divided


def convolve_relu_max_pool(x: Tensor, layer: nn.Conv2d, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """max_pool2d(relu(layer(x)), 2) computed in `dtype`: [B, C, H, W] → [B, O, I, J], channels last in memory.

    The layer has a square kernel, stride 1, and equal padding on all sides.
    """
    pad = int(layer.padding[0])
    rows = F.pad(x.to(dtype).permute(0, 2, 3, 1), (0, 0, pad, pad, pad, pad))
    assert layer.bias is not None
    with torch.autocast("cpu", enabled=False):
        pooled = _ConvolveReluMaxPool.apply(rows, layer.weight, layer.bias)
    return pooled.permute(0, 3, 1, 2)


def _taps(band: Tensor, width: int, channels: int, k: int, out: int) -> Tensor:
    """The places of the kernel's weights within T, as a view [row in window, column in window, J, k, k, C, O].

    T's rows are (row of the strip, W, C), its columns (row in window, column in window, J, O).
    """
    n = band.shape[1]
    j = n // (4 * out)
    row, column = width * channels * n, channels * n
    steps = (row + 2 * j * out, column + j * out, 2 * column + out, row, column, n, 1)
    return band.as_strided((2, 2, j, k, k, channels, out), steps)


class _ConvolveReluMaxPool(torch.autograd.Function):
    """[B, H, W, C] → [B, I, J, O]; weight [O, C, k, k], bias [O]. Of equal numbers in a window one takes the
    gradient, as in torch's own pooling."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        strips, band = _strips(x, weight.shape[-1]), _band(x, weight, bias)
        b, i, _ = strips.shape
        out = weight.shape[0]
        j = band.shape[1] // (4 * out)
        strips = strips.view(b * i, -1)
        product = (strips @ band).relu_()
        bits = product.view(BITS[x.dtype.itemsize])
        bits &= torch.iinfo(bits.dtype).max  # minus zero would come before all
        across = bits.view(b * i, 2, 2 * j * out)
        down = torch.maximum(across[:, 0], across[:, 1]).view(b * i, 2, j * out)
        pooled = torch.maximum(down[:, 0], down[:, 1]).view(x.dtype).view(b, i, j, out)
        ctx.save_for_backward(strips, band, across, down, pooled)
        ctx.shape, ctx.kernel = x.shape, weight.shape
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        strips, band, across, down, pooled = ctx.saved_tensors
        (b, h, w, c), (out, _, k, _) = ctx.shape, ctx.kernel
        used = (k + 1) * w * c
        g = torch.ops.aten.threshold_backward(gradients[0].contiguous(), pooled, 0)
        bits = g.view(across.dtype).view(len(strips), -1)
        for halves in (down, across):
            bits = _to_the_larger(bits, halves)
        g = bits.view(pooled.dtype)
        d_band = strips.t() @ g
        exact = torch.promote_types(g.dtype, torch.float32)
        d_weight = _taps(d_band, w, c, k, out).sum((0, 1, 2), dtype=exact).permute(3, 2, 0, 1)
        d_bias = d_band[used].view(-1, out).sum(0, dtype=exact)
        d_x = _fold(g @ band[:used].t(), (b, h, w, c), k) if ctx.needs_input_grad[0] else None
        return d_x, d_weight, d_bias


def _strips(x: Tensor, k: int) -> Tensor:
    """Every second strip of k+1 rows as one row of numbers, [B, I, Q]; then a 1, which carries the bias, and
    zeros up to a multiple of 16, which the matrix product likes."""
    b, h, w, c = x.shape
    i, used = (h - k + 1) // 2, (k + 1) * w * c
    strips = x.new_empty(b, i, (used // 16 + 1) * 16)
    strips[..., :used] = x.contiguous().as_strided((b, i, used), (h * w * c, 2 * w * c, 1))
    strips[..., used:] = 0
    strips[..., used] = 1
    return strips


def _band(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The matrix T [Q, 4·J·O] of a kernel, with the bias in the row that meets the 1."""
    _, _, w, c = x.shape
    out, _, k, _ = weight.shape
    used, j = (k + 1) * w * c, (w - k + 1) // 2
    band = x.new_zeros((used // 16 + 1) * 16, 4 * j * out)
    _taps(band, w, c, k, out).copy_(weight.permute(2, 3, 1, 0))
    band[used].view(-1, out).copy_(bias)
    return band


def _to_the_larger(gradient: Tensor, halves: Tensor) -> Tensor:
    """Undo a maximum of two halves [N, 2, M]: the gradient [N, M], as bits, goes to the larger, 0 to the other."""
    second = (halves[:, 0] - halves[:, 1]) >> (torch.iinfo(halves.dtype).bits - 1)  # all ones where it won
    found = torch.empty_like(halves)
    torch.bitwise_and(gradient, second, out=found[:, 1])
    torch.bitwise_xor(gradient, found[:, 1], out=found[:, 0])
    return found.view(len(halves), -1)


def _fold(strips: Tensor, shape: tuple[int, int, int, int], k: int) -> Tensor:
    """Add overlapping strips [B·I, (k+1)·W·C] back into pictures [B, H, W, C]."""
    b, h, w, c = shape
    i = (h - k + 1) // 2
    rows = strips.view(b, i, k + 1, w * c)
    x = rows.new_empty(b, h, w * c)
    x[:, : 2 * i].view(b, i, 2, w * c).copy_(rows[:, :, :2])
    x[:, 2 * i :] = 0
    for u in range(2, k + 1, 2):
        x[:, u : u + 2 * i].view(b, i, 2, w * c).add_(rows[:, :, u : u + 2])
    return x.view(b, h, w, c)
