"""inception-v3: factorised convolutions."""

from dataclasses import dataclass

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """What is left out in training, and what looks on."""

    dropout: float = value(0.5, "share of the last features left out in training", at_least=0, at_most=0.99)
    auxiliary: bool = value(True, "train with auxiliary heads on the maps in the middle")


RECIPE = pictures.network("inception-v3", "Inception with factorised convolutions (Szegedy et al. 2016)", Options())
