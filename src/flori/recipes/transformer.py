"""transformer: the encoder and decoder of "Attention is all you need"."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.seq2seq import translator


@dataclass(frozen=True)
class Options:
    """The layers of encoder and decoder."""

    width: int = value(256, "numbers that stand for a token", at_least=1, at_most=65_536)
    heads: int = value(4, "heads of attention in a layer", at_least=1, at_most=1024)
    layers: int = value(3, "layers of the encoder, and of the decoder", at_least=1, at_most=256)
    hidden: int | None = value(
        None, "units of the feed-forward networks; None: four times the width", at_least=1, at_most=262_144
    )
    dropout: float = value(0.1, "share of numbers left out in training", at_least=0, at_most=0.99)
    norm: Literal["pre", "post"] = value("pre", "layer norm before each sublayer, or after it as in the paper")
    positions: Literal["sinusoidal", "learned"] = value("sinusoidal", "how a place is told from another")
    longest: int = value(512, "tokens of a sentence at most, if positions are learned", at_least=1)
    tied: bool = value(True, "the output's weights are those of the target's tokens")
    activation: Literal["relu", "gelu", "relu2"] = value("relu", "of the feed-forward networks")


RECIPE = translator(
    "transformer",
    "encoder and decoder by attention alone (Vaswani et al. 2017)",
    Options(),
    optimizer="muon",
    lr=5e-3,
    momentum=0.95,
    weight_decay=0.1,
)
