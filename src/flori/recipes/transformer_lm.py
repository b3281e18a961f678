"""transformer-lm: a decoder-only Transformer as a language model."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import Recipe, Training, value
from flori.core.texts import Corpus


@dataclass(frozen=True)
class Options:
    """The layers between tokens and what follows them."""

    width: int = value(256, "numbers that stand for a token", at_least=1, at_most=65_536)
    heads: int = value(4, "heads of attention in a layer", at_least=1, at_most=1024)
    layers: int = value(4, "layers", at_least=1, at_most=256)
    hidden: int | None = value(
        None, "units of the feed-forward networks; None: four times the width", at_least=1, at_most=262_144
    )
    dropout: float = value(0.15, "share of numbers left out in training", at_least=0, at_most=0.99)
    context: int = value(256, "tokens seen at once at most; at least data.window", at_least=1, at_most=1_000_000)
    positions: Literal["rotary", "sinusoidal", "learned"] = value("rotary", "how a place is told from another")
    norm: Literal["pre", "post"] = value("pre", "layer norm before each sublayer, or after it as in the paper")
    tied: bool = value(True, "the output's weights are those of the tokens")
    activation: Literal["relu", "gelu", "relu2"] = value("relu2", "of the feed-forward networks")
    grams: int = value(5, "n-grams up to so long have vectors of their own; 1: single tokens", at_least=1, at_most=16)
    gram_rows: int = value(
        65_536,
        "vectors for the n-grams of each length; where there are more, some share one",
        at_least=1,
        at_most=2**27,
    )
    gram_width: int = value(64, "numbers of each such vector", at_least=1, at_most=65_536)
    gram_dropout: float = value(0.5, "share of such vectors left out in training, each whole", at_least=0, at_most=0.99)


RECIPE = Recipe(
    system="transformer-lm",
    about="decoder-only Transformer as a language model (Vaswani et al. 2017, Radford et al. 2018)",
    tasks=("language",),
    model=Options(),
    data=Corpus(source="tiny-shakespeare", tokens="char", window=256),
    training=Training(
        epochs=None,
        steps=1000,
        batch=16,
        optimizer="muon",
        lr=0.01,
        schedule="cosine",
        warmup=0.05,
        floor=0.02,
        weight_decay=0.1,
        clip=1.0,
    ),
    heavy=True,
)
