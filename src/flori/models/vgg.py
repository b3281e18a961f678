"""VGG: blocks of 3×3 convolutions, each block closed by a pooling; three dense layers.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015, table 1,
configurations A, B, D and E. Names of parameters are torchvision's, with and without batch norm.

Shapes, for photographs: [N, 3, 224, 224] → five blocks [N, 64, 112, 112], [N, 128, 56, 56], [N, 256, 28, 28],
[N, 512, 14, 14], [N, 512, 7, 7] → 25,088 → 4,096 → 4,096 → logits [N, K]. The stem for small pictures is the same,
as it has neither stride nor pooling of its own; a pooling that would leave less than a pixel is left out.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from flori.layers.activations import initialise
from flori.layers.pairs import pairs
from flori.layers.sections import Section, sections
from flori.layers.stem import is_small, scaled

WIDTHS = (64, 128, 256, 512, 512)
BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""How many convolutions each block has, by the number of layers with weights."""
MOST = 7  # the side of the last map for pictures of 224


class VGG(nn.Module):
    """The features, then the classifier."""

    heads = ("classifier.6",)

    def __init__(
        self,
        depth: int,
        classes: int,
        shape: tuple[int, ...],
        norm: str,
        hidden: int,
        dropout: float,
        width: float,
    ) -> None:
        super().__init__()
        channels, sides = shape[0], list(shape[1:])
        features: list[nn.Module] = []
        for out, count in zip((scaled(w, width) for w in WIDTHS), BLOCKS[depth], strict=True):
            for _ in range(count):
                features += [nn.Conv2d(channels, out, 3, padding=1)]
                features += [nn.BatchNorm2d(out)] if norm == "batch" else []
                features += [nn.ReLU(inplace=True)]
                channels = out
            if min(sides) >= 2:
                features, sides = [*features, nn.MaxPool2d(2)], [side // 2 for side in sides]
        self.features = nn.Sequential(*features)
        height, wide = (min(MOST, side) for side in sides)
        self.avgpool = nn.AdaptiveAvgPool2d((height, wide))
        hidden = scaled(hidden, width)
        self.classifier = nn.Sequential(
            *(nn.Linear(channels * height * wide, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(hidden, classes)),
        )
        self.splits = pairs("features", self.features) | pairs("classifier", self.classifier)
        initialise(self, "relu")
        nn.init.zeros_(self.classifier[6].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def sections(self) -> list[Section]:
        """Each of the layers with weights, with what follows it."""
        flat = Section((), lambda x: self.avgpool(x).flatten(1))
        return [*sections("features", self.features), flat, *sections("classifier", self.classifier)]


def _builder(depth: int) -> Callable[..., VGG]:
    def build(
        classes: int = 10,
        shape: tuple[int, ...] = (3, 224, 224),
        *,
        norm: str = "none",
        hidden: int | None = None,
        dropout: float = 0.5,
        width: float = 1.0,
        stem: str = "auto",
    ) -> VGG:
        wide = hidden or (512 if is_small(stem, shape) else 4096)
        return VGG(depth, classes, shape, norm, wide, dropout, width)

    build.__name__ = build.__qualname__ = f"vgg{depth}"
    build.__doc__ = f"""VGG of {depth} layers with weights for pictures of `shape` (C, H, W).

    `hidden`: units of the dense layers; None: 4,096, and 512 with the stem for small pictures."""
    return build


vgg11, vgg13, vgg16, vgg19 = map(_builder, BLOCKS)
