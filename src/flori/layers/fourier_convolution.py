"""Convolution by the fast Fourier transform: in frequencies it is a product, whatever the size of the kernel.

Goodfellow, Bengio and Courville, "Deep Learning", section 9.8. It pays for kernels nearly as large as the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from flori.layers.sizes import each, output_sizes


def fourier_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    *,
    flipped: bool = False,
) -> Tensor:
    """What torch's conv1d, conv2d and conv3d give: x [N, C, …], weight [O, C, …], bias [O] → [N, O, …].

    That is the cross-correlation Σ_i W_i X_h+i, as everywhere in deep learning; with `flipped` it is mathematics' own
    convolution, Σ_i W_i X_h−i at the places where the kernel lies within the padded input. Computed in float32 at
    least. Raises ValueError where the kernel does not fit into the padded input.
    """
    kernel = tuple(weight.shape[2:])
    strides, paddings = each(stride, len(kernel)), each(padding, len(kernel))
    output_sizes(x.shape[2:], kernel, paddings, strides)
    padded = F.pad(x, [p for p in reversed(paddings) for _ in (0, 1)])
    y = _correlate(padded, weight.flip(tuple(range(2, weight.dim()))) if flipped else weight)
    whole = [slice(0, n - k + 1, s) for n, k, s in zip(padded.shape[2:], kernel, strides, strict=True)]
    y = y[:, :, *whole]
    return y if bias is None else y + bias.view(-1, *(1 for _ in kernel))


def _correlate(x: Tensor, weight: Tensor) -> Tensor:
    """Cross-correlation on a ring, [N, O, …] of x's own size: its last k − 1 places mix the end with the beginning."""
    sizes, axes = x.shape[2:], tuple(range(2, x.dim()))
    exact = torch.promote_types(x.dtype, torch.float32)
    frequencies = torch.fft.rfftn(x.to(exact), s=sizes, dim=axes)
    kernels = torch.fft.rfftn(weight.to(exact), s=sizes, dim=axes).conj()
    product = torch.einsum("nc...,oc...->no...", frequencies, kernels)
    return torch.fft.irfftn(product, s=sizes, dim=axes).to(x.dtype)
