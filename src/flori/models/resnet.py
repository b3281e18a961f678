"""ResNet: blocks that learn what to add to their input, y = relu(F(x) + x).

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016. Names of parameters and numbers are
torchvision's, whose bottleneck halves the picture in its 3×3 convolution, not in the first 1×1.

Shapes, for photographs: [N, C, 224, 224] → convolution 7×7, stride 2 [N, 64, 112, 112] → max pooling 3×3, stride 2
[N, 64, 56, 56] → four stages [N, 64·e, 56, 56], [N, 128·e, 28, 28], [N, 256·e, 14, 14], [N, 512·e, 7, 7], with e = 1
for basic blocks and 4 for bottlenecks → mean over the picture [N, 512·e] → logits [N, K]. Pictures below 64 pixels
meet a 3×3 convolution of stride 1 and no pooling: 32×32 stays so until the second stage.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from flori.layers.activations import initialise
from flori.layers.normalisation import norm_relu
from flori.layers.sections import Section
from flori.layers.stem import is_small, scaled

WIDTHS = (64, 128, 256, 512)


def convolution(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias, which the norm after it has, that keeps the size but for its stride."""
    return nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)


class Basic(nn.Module):
    """Two 3×3 convolutions: [N, C, H, W] → [N, width, H/stride, W/stride]."""

    expansion = 1
    splits: ClassVar = {"conv1": "columns", "bn1": "norm", "conv2": "rows"}

    def __init__(self, channels: int, width: int, stride: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.conv1, self.bn1 = convolution(channels, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = convolution(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """y = relu(F(x) + x), with x through the shortcut where its shape changes."""
        h = norm_relu(self.bn1, self.conv1(x))
        return norm_relu(self.bn2, self.conv2(h), x if self.downsample is None else self.downsample(x))


class Bottleneck(nn.Module):
    """1×1 to fewer channels, 3×3, 1×1 to four times as many: [N, C, H, W] → [N, 4·width, H/stride, W/stride]."""

    expansion = 4
    splits: ClassVar = {"conv2": "columns", "bn2": "norm", "conv3": "rows"}

    def __init__(self, channels: int, width: int, stride: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.conv1, self.bn1 = convolution(channels, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = convolution(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = convolution(width, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """y = relu(F(x) + x), with x through the shortcut where its shape changes."""
        h = norm_relu(self.bn2, self.conv2(norm_relu(self.bn1, self.conv1(x))))
        return norm_relu(self.bn3, self.conv3(h), x if self.downsample is None else self.downsample(x))


DEPTHS: dict[int, tuple[type[Basic] | type[Bottleneck], tuple[int, ...]]] = {
    18: (Basic, (2, 2, 2, 2)),
    34: (Basic, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
"""The block of each depth, and how many of them each stage has."""


class ResNet(nn.Module):
    """Stem, four stages, mean over the picture, one dense layer."""

    heads = ("fc",)

    def __init__(self, depth: int, classes: int, shape: tuple[int, ...], width: float, small: bool) -> None:
        super().__init__()
        block, counts = DEPTHS[depth]
        widths = [scaled(w, width) for w in WIDTHS]
        self.conv1 = convolution(shape[0], widths[0], 3) if small else convolution(shape[0], widths[0], 7, 2)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, padding=1)
        into = (widths[0], *(w * block.expansion for w in widths))
        stages = [
            stage(block, channels, w, count, 1 if i == 0 else 2)
            for i, ((channels, _), w, count) in enumerate(zip(pairwise(into), widths, counts, strict=True))
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(into[-1], classes)
        initialise(self, "relu")
        nn.init.zeros_(self.fc.weight)
        start_as_identities(self)
        self.splits = splits(self)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]."""
        x = self._begun(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self._read_out(x)

    def _begun(self, x: Tensor) -> Tensor:
        return self.maxpool(norm_relu(self.bn1, self.conv1(x)))

    def _read_out(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))

    def sections(self) -> list[Section]:
        """The stem, each of the blocks, the dense layer."""
        middle = blocks(layer1=self.layer1, layer2=self.layer2, layer3=self.layer3, layer4=self.layer4)
        return [Section(("conv1", "bn1"), self._begun), *middle, Section(("fc",), self._read_out)]


def stage(block: type[Basic] | type[Bottleneck], channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    """`count` blocks, the first of which changes size and channels, with a 1×1 convolution in its shortcut if so."""
    out = width * block.expansion
    shortcut = None
    if stride != 1 or channels != out:
        shortcut = nn.Sequential(convolution(channels, out, 1, stride), nn.BatchNorm2d(out))
    return nn.Sequential(
        block(channels, width, stride, shortcut), *(block(out, width, 1, None) for _ in range(count - 1))
    )


def blocks(**stages: nn.Sequential) -> list[Section]:
    """A section for each block of stages, by the names that these have in their network."""
    return [
        Section((f"{name}.{place}",), one) for name, sequence in stages.items() for place, one in enumerate(sequence)
    ]


def splits(model: nn.Module) -> dict[str, str]:
    """How the blocks of a network can be divided over workers, by the names that their layers have in it."""
    found = {name: layer for name, layer in model.named_modules() if isinstance(layer, Basic | Bottleneck)}
    return {f"{name}.{part}": how for name, block in found.items() for part, how in block.splits.items()}


def start_as_identities(model: nn.Module) -> None:
    """Scale the last norm of each block to zero, so that every block begins as its shortcut (Goyal et al. 2017)."""
    for layer in model.modules():
        if isinstance(layer, Basic | Bottleneck):
            last = layer.bn2 if isinstance(layer, Basic) else layer.bn3
            nn.init.zeros_(last.weight)


def _builder(depth: int) -> Callable[..., ResNet]:
    def build(
        classes: int = 10, shape: tuple[int, ...] = (3, 224, 224), *, width: float = 1.0, stem: str = "auto"
    ) -> ResNet:
        return ResNet(depth, classes, shape, width, is_small(stem, shape))

    build.__name__ = build.__qualname__ = f"resnet{depth}"
    build.__doc__ = f"ResNet of {depth} layers with weights for pictures of `shape` (C, H, W)."
    return build


resnet18, resnet34, resnet50, resnet101, resnet152 = map(_builder, DEPTHS)
