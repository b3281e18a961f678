"""What the Inception networks are made of: convolutions with batch norm, and paths side by side.

A network is a table: the name of each layer, and what it is. That is a convolution (`Conv`), a pooling (its name in
`POOLS`), a block (a dict of paths), or a function of (input channels, width) that makes a module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.stem import scaled

Size = int | tuple[int, int]


class Conv(NamedTuple):
    """A convolution: output channels, kernel (one side, or height and width), stride, padding. By default the
    padding keeps the size at stride 1, and there is none at larger strides."""

    channels: int
    kernel: Size = 1
    stride: int = 1
    padding: int | None = None

    @property
    def margins(self) -> tuple[int, int]:
        """Zeros above and below, left and right."""
        if self.padding is not None or self.stride > 1:
            return (self.padding or 0,) * 2
        height, width = self.kernel if isinstance(self.kernel, tuple) else (self.kernel,) * 2
        return height // 2, width // 2


Paths = Mapping[str, Sequence[str | Conv | list[Conv]]]
Layer = str | Conv | Paths | Callable[[int, float], nn.Module]


def roomy(x: Tensor, window: Size) -> Tensor:
    """Maps [N, C, H, W] with zeros around them where they are smaller than a window, so that it fits in once."""
    tall, wide = window if isinstance(window, tuple) else (window, window)
    down, across = max(0, tall - x.shape[-2]), max(0, wide - x.shape[-1])
    if not down and not across:
        return x
    return F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))


class ConvolutionNorm(nn.Module):
    """Convolution without bias, batch norm, ReLU. The state has torchvision's names, `conv` and `bn`."""

    def __init__(self, inputs: int, conv: Conv, width: float = 1.0) -> None:
        super().__init__()
        self.outputs = scaled(conv.channels, width)
        self.conv = nn.Conv2d(inputs, self.outputs, conv.kernel, conv.stride, conv.margins, bias=False)
        self.bn = nn.BatchNorm2d(self.outputs, eps=0.001)
        self.window: Size = 1 if any(conv.margins) else conv.kernel

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, outputs, H′, W′]."""
        return F.relu(self.bn(self.conv(roomy(x, self.window))), inplace=True)


class Halve(nn.Module):
    """Max pooling of stride 2 without padding. Nothing after ReLU is below 0: zeros around a small map do no harm."""

    def __init__(self, window: int, ceil: bool = False) -> None:
        super().__init__()
        self.window, self.ceil = window, ceil

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, C, H′, W′] with H′ = (H − window)/2 + 1, rounded down, or up with `ceil`."""
        return F.max_pool2d(roomy(x, self.window), self.window, 2, ceil_mode=self.ceil)


POOLS: dict[str, Callable[[], nn.Module]] = {
    "average": partial(nn.AvgPool2d, 3, 1, 1),
    "max": partial(nn.MaxPool2d, 3, 1, 1),
    "halve": partial(Halve, 3),
    "halve_ceil": partial(Halve, 3, ceil=True),
    "halve_2x2_ceil": partial(Halve, 2, ceil=True),
    "halve_padded": partial(nn.MaxPool2d, 3, 2, 1),
}


class Branches(nn.Module):
    """Paths from the same maps, their outputs side by side. An empty path hands its input through.

    The layers of a path are children of the block with the names that `named` gives them.
    """

    def __init__(self, inputs: int, paths: Paths, width: float = 1.0) -> None:
        super().__init__()
        self.outputs = 0
        self.ways: list[list[list[str]]] = []
        for path, steps in paths.items():
            way, channels = named(path, steps), [inputs]
            for children in way:
                made = [made_of(layer, channels[0], width) for layer in children.values()]
                for child, module in zip(children, made, strict=True):
                    self.add_module(child, module)
                channels = [outputs(module, channels[0]) for module in made]
            self.ways.append([list(children) for children in way])
            self.outputs += sum(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, outputs, H′, W′]."""
        return torch.cat([end for way in self.ways for end in self._ends(x, way)], 1)

    def _ends(self, x: Tensor, way: list[list[str]]) -> list[Tensor]:
        ends = [x]
        for children in way:
            ends = [self.get_submodule(child)(ends[0]) for child in children]
        return ends


def named(path: str, steps: Sequence[str | Conv | list[Conv]]) -> list[dict[str, str | Conv]]:
    """The layers of a path by the names of torchvision's Inception v3: a path's only convolution is `path`, of several
    `path_1`, `path_2`, …; a list of convolutions, with which a path may end, is a fork, `path_3a` and `path_3b`. A
    pooling is named by its kind."""
    found: list[dict[str, str | Conv]] = []
    several, count = sum(not isinstance(step, str) for step in steps) > 1, 0
    for step in steps:
        if isinstance(step, str):
            found.append({step: step})
            continue
        count += 1
        own = f"{path}_{count}" if several else path
        found.append({own: step} if isinstance(step, Conv) else {f"{own}{'ab'[i]}": c for i, c in enumerate(step)})
    return found


def made_of(layer: Layer, inputs: int, width: float) -> nn.Module:
    """The module that a table's entry describes, for maps of so many channels."""
    if isinstance(layer, str):
        return POOLS[layer]()
    if isinstance(layer, Conv):
        return ConvolutionNorm(inputs, layer, width)
    return layer(inputs, width) if callable(layer) else Branches(inputs, layer, width)


def outputs(module: nn.Module, inputs: int) -> int:
    """The channels after a module: its own number, or as many as before (poolings, heads that look on)."""
    return getattr(module, "outputs", inputs)
