"""ResNets for small pictures, of any depth 6n + 2.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016, section 4.2: 3×3 convolutions alone,
2n of them in each of three stages of 16, 32 and 64 channels, and shortcuts without weights (option A): where a stage
halves the picture, every second pixel, with zeros for the new channels.

Shapes: [N, C, 32, 32] → [N, 16, 32, 32] → [N, 32, 16, 16] → [N, 64, 8, 8] → mean over the picture [N, 64] →
logits [N, K]. Photographs of 64 pixels and more meet ResNet's 7×7 convolution and pooling first.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.activations import initialise
from flori.layers.normalisation import norm_relu
from flori.layers.sections import Section
from flori.layers.stem import is_small, scaled
from flori.models.resnet import Basic, blocks, convolution, splits, start_as_identities

WIDTHS = (16, 32, 64)


class Halving(nn.Module):
    """Every second pixel, and `extra` channels of zeros: [N, C, H, W] → [N, C + extra, ⌈H/2⌉, ⌈W/2⌉]."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        """The shortcut of a block that halves the picture."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.extra))


class ResNetCifar(nn.Module):
    """One convolution, three stages of n basic blocks, mean over the picture, one dense layer."""

    heads = ("fc",)

    def __init__(self, n: int, classes: int, shape: tuple[int, ...], width: float, small: bool) -> None:
        super().__init__()
        first, second, third = (scaled(w, width) for w in WIDTHS)
        self.conv1 = convolution(shape[0], first, 3) if small else convolution(shape[0], first, 7, 2)
        self.bn1 = nn.BatchNorm2d(first)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = nn.Sequential(*(Basic(first, first, 1, None) for _ in range(n)))
        self.layer2 = _halving_stage(first, second, n)
        self.layer3 = _halving_stage(second, third, n)
        self.fc = nn.Linear(third, classes)
        initialise(self, "relu")
        nn.init.zeros_(self.fc.weight)
        start_as_identities(self)
        self.splits = splits(self)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]."""
        x = self._begun(x)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self._read_out(x)

    def _begun(self, x: Tensor) -> Tensor:
        return self.maxpool(norm_relu(self.bn1, self.conv1(x)))

    def _read_out(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))

    def sections(self) -> list[Section]:
        """The stem, each of the blocks, the dense layer."""
        middle = blocks(layer1=self.layer1, layer2=self.layer2, layer3=self.layer3)
        return [Section(("conv1", "bn1"), self._begun), *middle, Section(("fc",), self._read_out)]


def _halving_stage(channels: int, width: int, n: int) -> nn.Sequential:
    first = Basic(channels, width, 2, Halving(width - channels))
    return nn.Sequential(first, *(Basic(width, width, 1, None) for _ in range(n - 1)))


def resnet_cifar(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 32, 32),
    *,
    depth: int = 20,
    width: float = 1.0,
    stem: str = "auto",
) -> ResNetCifar:
    """A ResNet of `depth` layers with weights. Raises ValueError for a depth that is not 6n + 2."""
    if depth < 8 or depth % 6 != 2:
        near = max(8, 6 * round((depth - 2) / 6) + 2)
        raise ValueError(f"model.depth={depth} is not 6n + 2, as 20, 32, 44, 56, 110 and 1202 are; {near} is near")
    return ResNetCifar((depth - 2) // 6, classes, shape, width, is_small(stem, shape))
