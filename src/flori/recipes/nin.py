"""nin: network in network."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.pictures import ADAPTIVE, network


@dataclass(frozen=True)
class Options:
    """How wide, and how it begins."""

    dropout: float = value(0.5, "share of units left out in training", at_least=0, at_most=0.99)
    width: float = value(1.0, "share of the paper's channels", at_least=0.01, at_most=8)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")


RECIPE = network("nin", "convolutions of 1×1 in place of dense layers (Lin et al. 2014)", Options(), **ADAPTIVE)
