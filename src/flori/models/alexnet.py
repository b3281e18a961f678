"""AlexNet: five convolutions and three dense layers, with ReLU and dropout.

Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012, in one
tower, as in Dive into Deep Learning, section 8.1; ``version="2014"`` has the channels of Krizhevsky's "One weird
trick for parallelizing convolutional neural networks", which are torchvision's. Local response normalisation is left
out, as in both. Names of parameters are torchvision's.

Shapes, for photographs: [N, 3, 224, 224] → convolution 11×11, stride 4 [N, 96, 54, 54] → pooling [N, 96, 26, 26] →
convolution 5×5 [N, 256, 26, 26] → pooling [N, 256, 12, 12] → three convolutions 3×3 [N, 256, 12, 12] → pooling
[N, 256, 5, 5] → 6,400 → 4,096 → 4,096 → logits [N, K]. Larger pictures are brought to 5×5 by averages.
"""

from __future__ import annotations

from torch import Tensor, nn

from flori.layers.activations import initialise
from flori.layers.pairs import pairs
from flori.layers.sections import Section, sections
from flori.layers.stem import is_small, scaled

VERSIONS = {"2012": ((96, 256, 384, 384, 256), 1, 5), "2014": ((64, 192, 384, 256, 256), 2, 6)}
"""The channels of the five convolutions, the padding of the first, and the side of the last map."""


class AlexNet(nn.Module):
    """The features, then the classifier."""

    heads = ("classifier.6",)

    def __init__(
        self,
        classes: int,
        shape: tuple[int, ...],
        version: str,
        hidden: int,
        dropout: float,
        width: float,
        small: bool,
    ) -> None:
        super().__init__()
        paper, padding, most = VERSIONS[version]
        c1, c2, c3, c4, c5 = (scaled(c, width) for c in paper)
        side = _Side(shape)
        features: list[nn.Module] = []
        features += [nn.Conv2d(shape[0], c1, 3, padding=1) if small else nn.Conv2d(shape[0], c1, 11, 4, padding)]
        side.after(1 if small else 4, 3 if small else 11, 1 if small else padding)
        features += [nn.ReLU(inplace=True), nn.Identity() if small else side.pooling()]
        features += [nn.Conv2d(c1, c2, 5, padding=2), nn.ReLU(inplace=True), side.pooling()]
        for channels, out in ((c2, c3), (c3, c4), (c4, c5)):
            features += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*features, side.pooling())
        height, wide = (min(most, s) for s in side.sides)
        self.avgpool = nn.AdaptiveAvgPool2d((height, wide))
        hidden = scaled(hidden, width)
        self.classifier = nn.Sequential(
            *(nn.Dropout(dropout), nn.Linear(c5 * height * wide, hidden), nn.ReLU(inplace=True)),
            *(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, classes)),
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


class _Side:
    """Height and width of the map as the layers shrink it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sides = list(shape[1:])

    def after(self, stride: int, kernel: int, padding: int) -> None:
        self.sides = [(s + 2 * padding - kernel) // stride + 1 for s in self.sides]

    def pooling(self) -> nn.Module:
        """Max pooling 3×3 of stride 2, or nothing where the map is too small for it."""
        if min(self.sides) < 3:
            return nn.Identity()
        self.after(2, 3, 0)
        return nn.MaxPool2d(3, 2)


def alexnet(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 224, 224),
    *,
    version: str = "2012",
    hidden: int | None = None,
    dropout: float = 0.5,
    width: float = 1.0,
    stem: str = "auto",
) -> AlexNet:
    """AlexNet for pictures of `shape` (C, H, W). `hidden`: units of the dense layers; None: 4,096, and 512 with the
    stem for small pictures. Raises ValueError for pictures below 11 pixels with the large stem."""
    small = is_small(stem, shape)
    if not small and min(shape[1:]) < 11:
        raise ValueError(f"the 11×11 convolution finds no place in pictures of {shape[1]}×{shape[2]}")
    return AlexNet(classes, shape, version, hidden or (512 if small else 4096), dropout, width, small)
