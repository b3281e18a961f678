"""alexnet: five convolutions, three dense layers."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.pictures import ADAPTIVE, network


@dataclass(frozen=True)
class Options:
    """Which paper's numbers, and how wide."""

    version: Literal["2012", "2014"] = value("2012", "the paper's channels; 2014: those of torchvision's weights")
    hidden: int | None = value(None, "units of the dense layers; None: 4,096, or 512 for small pictures", at_least=1)
    dropout: float = value(0.5, "share of units left out in training", at_least=0, at_most=0.99)
    width: float = value(1.0, "share of the paper's channels and units", at_least=0.01, at_most=8)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")


RECIPE = network("alexnet", "five convolutions, three dense layers (Krizhevsky et al. 2012)", Options(), **ADAPTIVE)
