"""Network in network: convolutions, each followed by two of 1×1; no dense layer.

Lin, Chen and Yan, "Network in network", 2014, with the numbers of Dive into Deep Learning, section 8.3. The last
block gives one map a class, whose mean is the class's logit; it ends without ReLU, with which a logit could be stuck
at zero for every picture.

Shapes, for photographs: [N, C, 224, 224] → block 11×11, stride 4 [N, 96, 54, 54] → pooling [N, 96, 26, 26] → block
5×5 → pooling [N, 256, 12, 12] → block 3×3 → pooling [N, 384, 5, 5] → block 3×3 [N, K, 5, 5] → logits [N, K].
Pictures below 64 pixels meet a first convolution of 3×3, stride 1, and no pooling after it.
"""

from __future__ import annotations

from torch import Tensor, nn

from flori.layers.activations import initialise
from flori.layers.pairs import pairs
from flori.layers.stem import is_small, scaled

WIDTHS = (96, 256, 384)


def block(channels: int, out: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    """A convolution and two of 1×1, each with ReLU."""
    first = nn.Conv2d(channels, out, kernel, stride, padding)
    layers = [first, nn.Conv2d(out, out, 1), nn.Conv2d(out, out, 1)]
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU(inplace=True))))


class NiN(nn.Module):
    """The features, then a block that gives a map for each class."""

    heads = ("head",)

    def __init__(self, classes: int, shape: tuple[int, ...], dropout: float, width: float, small: bool) -> None:
        super().__init__()
        first, second, third = (scaled(w, width) for w in WIDTHS)
        side = min(shape[1:]) if small else (min(shape[1:]) - 11) // 4 + 1

        def pooling() -> nn.Module:
            nonlocal side
            if side < 3:
                return nn.Identity()
            side = (side - 3) // 2 + 1
            return nn.MaxPool2d(3, 2)

        begin = block(shape[0], first, 3, padding=1) if small else block(shape[0], first, 11, 4)
        self.features = nn.Sequential(
            *(begin, nn.Identity() if small else pooling(), block(first, second, 5, padding=2), pooling()),
            *(block(second, third, 3, padding=1), pooling(), nn.Dropout(dropout)),
        )
        self.head = block(third, classes, 3, padding=1)[:-1]
        blocks = {"head": self.head, **{f"features.{place}": self.features[place] for place in (0, 2, 4)}}
        self.splits = {layer: how for name, one in blocks.items() for layer, how in pairs(name, one).items()}  # type: ignore[arg-type]
        initialise(self, "relu")
        nn.init.zeros_(self.head[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]."""
        return self.head(self.features(x)).mean((2, 3))


def nin(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 224, 224),
    *,
    dropout: float = 0.5,
    width: float = 1.0,
    stem: str = "auto",
) -> NiN:
    """NiN for pictures of `shape` (C, H, W). Raises ValueError for pictures below 11 pixels with the large stem."""
    small = is_small(stem, shape)
    if not small and min(shape[1:]) < 11:
        raise ValueError(f"the 11×11 convolution finds no place in pictures of {shape[1]}×{shape[2]}")
    return NiN(classes, shape, dropout, width, small)
