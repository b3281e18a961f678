"""alexnet: five convolutions, three dense layers."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """Which paper's numbers, and what stands between the dense layers."""

    version: Literal["2012", "2014"] = value("2012", "the paper's channels; 2014: those of torchvision's weights")
    hidden: int | None = value(None, "units of the dense layers; None: 4,096, or 512 for small pictures", at_least=1)
    dropout: float = value(0.5, "share of units left out in training", at_least=0, at_most=0.99)


RECIPE = pictures.network(
    "alexnet", "five convolutions, three dense layers (Krizhevsky et al. 2012)", Options(), **pictures.ADAPTIVE
)
