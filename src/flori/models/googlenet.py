"""GoogLeNet: nine Inception blocks, two auxiliary heads.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, "Going deeper with convolutions", 2015,
as torchvision has it, so that its weights load by name: every convolution has batch norm (eps 0.001) in place of
the paper's bias and response normalisation; poolings round sizes up; and the third path has a 3×3 convolution where
the paper has 5×5, a slip of the port that its weights depend on (torchvision's issue 906). The heads see the maps
averaged to 4×4, and their losses count 0.3 each.

Shapes, for 3×224×224: convolution 7×7 and pooling [N, 64, 56, 56] → 1×1, 3×3 and pooling [N, 192, 28, 28] → blocks 3
[N, 480, 28, 28] → blocks 4 [N, 832, 14, 14] → blocks 5 [N, 1024, 7, 7] → average [N, 1024] → logits [N, K].
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.inception import Conv, ConvolutionNorm, Layer
from flori.layers.inception_network import InceptionNetwork, unshrunk
from flori.layers.stem import is_small, scaled


class Inception(nn.Module):
    """Four paths: 1×1; 1×1 and 3×3; 1×1 and 3×3; pooling and 1×1.

    `numbers` are the channels in the order of the paper's table 1: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj.
    """

    def __init__(self, numbers: tuple[int, ...], inputs: int, width: float) -> None:
        super().__init__()
        one, reduced, three, reduced_more, five, pooled = (Conv(n) for n in numbers)

        def twice(first: Conv, second: Conv) -> nn.Sequential:
            before = ConvolutionNorm(inputs, first, width)
            return nn.Sequential(before, ConvolutionNorm(before.outputs, second._replace(kernel=3), width))

        self.branch1 = ConvolutionNorm(inputs, one, width)
        self.branch2 = twice(reduced, three)
        self.branch3 = twice(reduced_more, five)
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvolutionNorm(inputs, pooled, width))
        self.outputs = sum(scaled(conv.channels, width) for conv in (one, three, five, pooled))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, outputs, H, W]."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    """A head that looks on: average to 4×4, 1×1 convolution, two dense layers, dropout of 0.7 between them."""

    def __init__(self, classes: int, inputs: int, width: float) -> None:
        super().__init__()
        self.conv = ConvolutionNorm(inputs, Conv(128), width)
        hidden = scaled(1024, width)
        self.fc1 = nn.Linear(self.conv.outputs * 16, hidden)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]."""
        x = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))


def _block(*numbers: int) -> Layer:
    return partial(Inception, numbers)


STEM: dict[str, Layer] = {
    "conv1": Conv(64, 7, 2, 3),
    "maxpool1": "halve_ceil",
    "conv2": Conv(64),
    "conv3": Conv(192, 3),
    "maxpool2": "halve_ceil",
}
EARLY: dict[str, Layer] = {
    "inception3a": _block(64, 96, 128, 16, 32, 32),
    "inception3b": _block(128, 128, 192, 32, 96, 64),
    "maxpool3": "halve_ceil",
    "inception4a": _block(192, 96, 208, 16, 48, 64),
}
MIDDLE: dict[str, Layer] = {
    "inception4b": _block(160, 112, 224, 24, 64, 64),
    "inception4c": _block(128, 128, 256, 24, 64, 64),
    "inception4d": _block(112, 144, 288, 32, 64, 64),
}
LATE: dict[str, Layer] = {
    "inception4e": _block(256, 160, 320, 32, 128, 128),
    "maxpool4": "halve_2x2_ceil",
    "inception5a": _block(256, 160, 320, 32, 128, 128),
    "inception5b": _block(384, 192, 384, 48, 128, 128),
}


def googlenet(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 224, 224),
    *,
    width: float = 1.0,
    stem: str = "auto",
    dropout: float = 0.2,
    auxiliary: bool = True,
) -> InceptionNetwork:
    """GoogLeNet for pictures of `shape` (C, H, W); the first convolution of the small stem is 3×3."""
    aux: list[dict[str, Layer]] = [{name: partial(Auxiliary, classes)} for name in ("aux1", "aux2")]
    first, second = aux if auxiliary else ({}, {})
    return InceptionNetwork(
        (unshrunk(STEM) if is_small(stem, shape) else STEM) | EARLY | first | MIDDLE | second | LATE,
        shape[0],
        classes,
        width=width,
        dropout=dropout,
        heads=("fc", "aux1.fc2", "aux2.fc2") if auxiliary else ("fc",),
        auxiliary_weight=0.3,
    )
