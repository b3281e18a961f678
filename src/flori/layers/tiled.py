"""Tiled convolution: t×t kernels used in turn as one moves over the picture.

Goodfellow, Bengio and Courville, "Deep Learning", section 9.5. Between a convolution (t = 1) and a locally connected
layer (t as large as the output): neighbours have different kernels, and memory grows with t² only.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.sizes import each, output_sizes


class TiledConvolution2d(nn.Module):
    """Y_o,h,w = b_o + Σ_c Σ_i Σ_j W_o,c,i,j X_c,s·h+i,s·w+j, with W and b of tile (h mod t, w mod t):
    [N, C, H, W] → [N, O, H', W'].

    The weight is [t, t, O, C, K, L], the bias [t, t, O]. Raises ValueError where the kernel does not fit into the
    padded picture.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        tiles: int,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.tiles, self.kernel_size = tiles, each(kernel_size, 2)
        self.stride, self.padding = each(stride, 2), each(padding, 2)
        self.weight = nn.Parameter(torch.empty(tiles, tiles, out_channels, in_channels, *self.kernel_size))
        self.bias = nn.Parameter(torch.zeros(tiles, tiles, out_channels)) if bias else None
        bound = 1 / math.sqrt(in_channels * math.prod(self.kernel_size))
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, O, H', W']."""
        height, width = output_sizes(x.shape[2:], self.kernel_size, self.padding, self.stride)
        (p, q), t = self.padding, self.tiles
        padded = F.pad(x, (q, q, p, p))
        rows = [[self._tile(padded, a, b) for b in range(min(t, width))] for a in range(min(t, height))]
        y = rows[0][0].new_empty(len(x), self.weight.shape[2], height, width)
        for a, row in enumerate(rows):
            for b, tile in enumerate(row):
                y[:, :, a::t, b::t] = tile
        return y

    def _tile(self, padded: Tensor, a: int, b: int) -> Tensor:
        """What the kernel of tile (a, b) puts out: every t-th row from a on, every t-th column from b on."""
        s, r = self.stride
        bias = None if self.bias is None else self.bias[a, b]
        return F.conv2d(padded[:, :, a * s :, b * r :], self.weight[a, b], bias, (s * self.tiles, r * self.tiles))
