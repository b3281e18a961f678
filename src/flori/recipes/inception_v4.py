"""inception-v4: the last pure Inception."""

from dataclasses import dataclass

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """What is left out in training."""

    dropout: float = value(0.2, "share of the last features left out in training", at_least=0, at_most=0.99)


RECIPE = pictures.network("inception-v4", "Inception made uniform and deeper (Szegedy et al. 2017)", Options())
