"""inception-bn: Inception with batch norm."""

from dataclasses import dataclass

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """What is left out in training."""

    dropout: float = value(0.0, "share of the last features left out in training", at_least=0, at_most=0.99)


RECIPE = pictures.network("inception-bn", "Inception with batch norm (Ioffe and Szegedy 2015)", Options())
