"""vgg11, vgg13, vgg16, vgg19."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """Whether normalised, and what stands between the dense layers."""

    norm: Literal["none", "batch"] = value("none", "what follows each convolution")
    hidden: int | None = value(None, "units of the dense layers; None: 4,096, or 512 for small pictures", at_least=1)
    dropout: float = value(0.5, "share of units left out in training", at_least=0, at_most=0.99)


RECIPES = tuple(
    pictures.network(
        f"vgg{depth}",
        f"blocks of 3×3 convolutions, {depth} layers (Simonyan and Zisserman 2015)",
        Options(),
        "vgg",
        **{**pictures.ADAPTIVE, "lr": 3e-4},  # at 1e-3 the deeper ones stay at chance
    )
    for depth in (11, 13, 16, 19)
)
