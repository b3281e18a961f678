"""nin: network in network."""

from dataclasses import dataclass

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """What is left out in training."""

    dropout: float = value(0.5, "share of units left out in training", at_least=0, at_most=0.99)


RECIPE = pictures.network(
    "nin", "convolutions of 1×1 in place of dense layers (Lin et al. 2014)", Options(), **pictures.ADAPTIVE
)
