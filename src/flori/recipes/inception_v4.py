"""inception-v4: the last pure Inception."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.pictures import network


@dataclass(frozen=True)
class Options:
    """How wide, and how it begins."""

    width: float = value(1.0, "share of the paper's channels", at_least=0.01, at_most=8)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")
    dropout: float = value(0.2, "share of the last features left out in training", at_least=0, at_most=0.99)


RECIPE = network("inception-v4", "Inception made uniform and deeper (Szegedy et al. 2017)", Options())
