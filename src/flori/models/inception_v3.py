"""Inception v3: factorised convolutions, an auxiliary head with batch norm.

Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception architecture for computer vision", 2016; as
torchvision has it, whose names the layers bear, so that its weights load. The head's loss counts 0.4.

Shapes, for 3×299×299: stem [N, 192, 35, 35] → 5d [N, 288, 35, 35] → 6e [N, 768, 17, 17] (the head looks on here) →
7c [N, 2048, 8, 8] → average [N, 2048] → logits [N, K].
"""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.inception import Conv, ConvolutionNorm, Layer, Paths
from flori.layers.inception_network import InceptionNetwork, unshrunk
from flori.layers.stem import is_small

WIDE, TALL = (1, 7), (7, 1)


class Auxiliary(nn.Module):
    """The head that looks on: average to 5×5, 1×1 convolution, 5×5 convolution, dense layer."""

    def __init__(self, classes: int, inputs: int, width: float) -> None:
        super().__init__()
        self.conv0 = ConvolutionNorm(inputs, Conv(128), width)
        self.conv1 = ConvolutionNorm(self.conv0.outputs, Conv(768, 5, padding=0), width)
        self.fc = nn.Linear(self.conv1.outputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]; 17×17 is the smallest size for which the paper's pooling gives 5×5."""
        x = F.avg_pool2d(x, 5, 3) if min(x.shape[2:]) >= 17 else F.adaptive_avg_pool2d(x, 5)
        return self.fc(F.adaptive_avg_pool2d(self.conv1(self.conv0(x)), 1).flatten(1))


def _a(pooled: int) -> Paths:
    """Figure 5: two 3×3 convolutions for a 5×5 one."""
    return {
        "branch1x1": [Conv(64)],
        "branch5x5": [Conv(48), Conv(64, 5)],
        "branch3x3dbl": [Conv(64), Conv(96, 3), Conv(96, 3)],
        "branch_pool": ["average", Conv(pooled)],
    }


def _c(inner: int) -> Paths:
    """Figure 6: 1×7 and 7×1 for 7×7."""
    return {
        "branch1x1": [Conv(192)],
        "branch7x7": [Conv(inner), Conv(inner, WIDE), Conv(192, TALL)],
        "branch7x7dbl": [Conv(inner), Conv(inner, TALL), Conv(inner, WIDE), Conv(inner, TALL), Conv(192, WIDE)],
        "branch_pool": ["average", Conv(192)],
    }


# Figure 10: fewer rows and columns, more channels.
B: Paths = {
    "branch3x3": [Conv(384, 3, 2)],
    "branch3x3dbl": [Conv(64), Conv(96, 3), Conv(96, 3, 2)],
    "branch_pool": ["halve"],
}
D: Paths = {
    "branch3x3": [Conv(192), Conv(320, 3, 2)],
    "branch7x7x3": [Conv(192), Conv(192, WIDE), Conv(192, TALL), Conv(192, 3, 2)],
    "branch_pool": ["halve"],
}
# Figure 7: paths that fork at their ends.
FORK = [Conv(384, (1, 3)), Conv(384, (3, 1))]
E: Paths = {
    "branch1x1": [Conv(320)],
    "branch3x3": [Conv(384), FORK],
    "branch3x3dbl": [Conv(448), Conv(384, 3), FORK],
    "branch_pool": ["average", Conv(192)],
}

STEM: dict[str, Layer] = {
    "Conv2d_1a_3x3": Conv(32, 3, 2),
    "Conv2d_2a_3x3": Conv(32, 3, padding=0),
    "Conv2d_2b_3x3": Conv(64, 3),
    "maxpool1": "halve",
    "Conv2d_3b_1x1": Conv(80),
    "Conv2d_4a_3x3": Conv(192, 3, padding=0),
    "maxpool2": "halve",
}
EARLY: dict[str, Layer] = {
    "Mixed_5b": _a(32),
    "Mixed_5c": _a(64),
    "Mixed_5d": _a(64),
    "Mixed_6a": B,
    "Mixed_6b": _c(128),
    "Mixed_6c": _c(160),
    "Mixed_6d": _c(160),
    "Mixed_6e": _c(192),
}
LATE: dict[str, Layer] = {"Mixed_7a": D, "Mixed_7b": E, "Mixed_7c": E}


def inception_v3(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 299, 299),
    *,
    width: float = 1.0,
    stem: str = "auto",
    dropout: float = 0.5,
    auxiliary: bool = True,
) -> InceptionNetwork:
    """Inception v3 for pictures of `shape` (C, H, W)."""
    aux: dict[str, Layer] = {"AuxLogits": partial(Auxiliary, classes)} if auxiliary else {}
    return InceptionNetwork(
        (unshrunk(STEM) if is_small(stem, shape) else STEM) | EARLY | aux | LATE,
        shape[0],
        classes,
        width=width,
        dropout=dropout,
        heads=("fc", "AuxLogits.fc") if auxiliary else ("fc",),
        auxiliary_weight=0.4,
    )
