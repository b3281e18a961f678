"""googlenet: nine Inception blocks."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.pictures import network


@dataclass(frozen=True)
class Options:
    """How wide, how it begins, and what looks on in training."""

    width: float = value(1.0, "share of the paper's channels", at_least=0.01, at_most=8)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")
    dropout: float = value(0.2, "share of the last features left out in training", at_least=0, at_most=0.99)
    auxiliary: bool = value(True, "train with auxiliary heads on the maps in the middle")


RECIPE = network("googlenet", "four paths side by side, nine times (Szegedy et al. 2015)", Options())
