"""LeNet-5: two convolutions, two poolings, three dense layers.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, as
taught in Dive into Deep Learning, section 7.6: the book's network has sigmoid and average pooling.

Shapes, for one channel of 28×28: [N, 1, 28, 28] → convolution 5×5, padding 2 [N, 6, 28, 28] → pooling
[N, 6, 14, 14] → convolution 5×5 [N, 16, 10, 10] → pooling [N, 16, 5, 5] → 400 → 120 → 84 → logits [N, K].
"""

from __future__ import annotations

from torch import Tensor, nn

from flori.layers.activations import ACTIVATIONS, initialise
from flori.layers.fused_convolution import convolve_relu_max_pool, pays
from flori.layers.pairs import pairs
from flori.layers.sections import Section, sections

POOLS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


class LeNet(nn.Module):
    """The features, then the classifier, as two sequences."""

    heads = ("classifier.4",)

    def __init__(self, classes: int, shape: tuple[int, int, int], activation: str, pool: str) -> None:
        super().__init__()
        channels, height, width = shape
        act, pooling = ACTIVATIONS[activation], POOLS[pool]

        def pooled() -> list[nn.Module]:
            # A rising activation commutes with the maximum: the same numbers for a quarter of the work.
            return [pooling(2), act()] if pool == "max" else [act(), pooling(2)]

        self.features = nn.Sequential(nn.Conv2d(channels, 6, 5, padding=2), *pooled(), nn.Conv2d(6, 16, 5), *pooled())
        flat = 16 * _shrunk(height) * _shrunk(width)
        last = nn.Linear(84, classes)
        self.classifier = nn.Sequential(nn.Linear(flat, 120), act(), nn.Linear(120, 84), act(), last)
        self.fusible = activation == "relu" and pool == "max"
        self.splits = pairs("features", self.features) | pairs("classifier", self.classifier)
        initialise(self, activation)
        # From zero the last layer says all classes with equal chance at first; those before it differ already.
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → logits [N, K]."""
        if self.fusible and pays(x, *self.features):
            for layer in self.features:
                if isinstance(layer, nn.Conv2d):
                    x = convolve_relu_max_pool(x, layer)
        else:
            x = self.features(x)
        return self.classifier(x.flatten(1))

    def sections(self) -> list[Section]:
        """Each of the layers with weights, with what follows it."""
        flat = Section((), lambda x: x.flatten(1))
        return [*sections("features", self.features), flat, *sections("classifier", self.classifier)]


def _shrunk(side: int) -> int:
    return (side // 2 - 4) // 2


def lenet(
    classes: int = 10, shape: tuple[int, ...] = (1, 28, 28), *, activation: str = "relu", pool: str = "max"
) -> LeNet:
    """LeNet for pictures of `shape` (C, H, W). Raises ValueError for pictures smaller than 12×12."""
    if len(shape) != 3 or min(shape[1:]) < 12:
        raise ValueError(f"LeNet takes pictures of at least 12×12 pixels, not inputs of shape {shape}")
    channels, height, width = shape
    return LeNet(classes, (channels, height, width), activation, pool)
