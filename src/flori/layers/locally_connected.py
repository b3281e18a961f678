"""Locally connected layers: a convolution whose kernel is another one at every place.

Goodfellow, Bengio and Courville, "Deep Learning", section 9.5 (unshared convolution). For features that are to be
looked for in one part of the picture only.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.sizes import each, output_sizes


class LocallyConnected2d(nn.Module):
    """Y_o,h,w = b_o,h,w + Σ_c Σ_i Σ_j W_o,c,i,j(h, w) X_c,s·h+i,s·w+j: [N, C, H, W] → [N, O, H', W'].

    `size` is the picture's (H, W). The weight is [H', W', O, C, K, L], the bias [O, H', W']. Raises ValueError where
    the kernel does not fit into the padded picture, or the picture is not of that size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: tuple[int, int],
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.kernel_size = size, each(kernel_size, 2)
        self.stride, self.padding = each(stride, 2), each(padding, 2)
        self.places = output_sizes(size, self.kernel_size, self.padding, self.stride)
        self.weight = nn.Parameter(torch.empty(*self.places, out_channels, in_channels, *self.kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels, *self.places)) if bias else None
        bound = 1 / math.sqrt(in_channels * math.prod(self.kernel_size))
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, O, H', W']."""
        if tuple(x.shape[2:]) != tuple(self.size):
            raise ValueError(f"locally connected to pictures of {self.size}, not of {tuple(x.shape[2:])}")
        windows = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        kernels = self.weight.flatten(3).flatten(0, 1)
        y = torch.einsum("nip,poi->nop", windows, kernels).unflatten(2, self.places)
        return y if self.bias is None else y + self.bias
