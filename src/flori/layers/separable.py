"""Separable convolutions: a kernel as a product of smaller ones, for a fraction of the weights and of the work."""

from __future__ import annotations

from torch import Tensor, nn

from flori.layers.sizes import each, output_sizes


class SeparableConvolution2d(nn.Module):
    """A k×k convolution within each channel, then a 1×1 convolution across channels: [N, C, H, W] → [N, O, H', W'].

    It is the convolution with W_o,c,i,j = P_o,c D_c,i,j (Chollet 2017): C·k² + C·O weights in place of C·O·k². With
    `outer` each channel's kernel is an outer product too, D_c,i,j = u_c,i v_c,j (Goodfellow et al., section 9.8),
    applied as k×1 and then 1×k: 2k weights a channel. Raises ValueError where the kernel does not fit into the padded
    picture.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
        outer: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = each(kernel_size, 2), each(stride, 2), each(padding, 2)
        (k, l), (s, t), (p, q) = self.kernel_size, self.stride, self.padding  # noqa: E741 - k×l, as in a formula

        def within(kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> nn.Conv2d:
            return nn.Conv2d(in_channels, in_channels, kernel, stride, padding, groups=in_channels, bias=False)

        down_and_across = [within((k, 1), (s, 1), (p, 0)), within((1, l), (1, t), (0, q))]
        self.depthwise = nn.Sequential(*down_and_across) if outer else within((k, l), (s, t), (p, q))
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, O, H', W']."""
        output_sizes(x.shape[2:], self.kernel_size, self.padding, self.stride)  # says what torch says less clearly
        return self.pointwise(self.depthwise(x))
