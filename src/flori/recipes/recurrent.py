"""rnn, gru, lstm: language models that carry a state from token to token."""

from dataclasses import dataclass

from flori.core.recipe import Recipe, Training, value
from flori.core.texts import Corpus


@dataclass(frozen=True)
class Options:
    """The layers between tokens and what follows them."""

    width: int = value(256, "numbers that stand for a token", at_least=1, at_most=65_536)
    hidden: int = value(512, "units of each recurrent layer", at_least=1, at_most=65_536)
    layers: int = value(1, "recurrent layers", at_least=1, at_most=64)
    dropout: float = value(0.2, "share of numbers left out between layers in training", at_least=0, at_most=0.99)
    tied: bool = value(False, "the output's weights are those of the tokens")


RECIPES = tuple(
    Recipe(
        system=system,
        about=f"{about} as a language model",
        tasks=("language",),
        model=Options(),
        data=Corpus(source="time-machine", tokens="char", lower=True, window=64, order="sequential"),
        training=Training(
            epochs=6,
            batch=128,
            optimizer="muon",
            lr=0.014,
            schedule="cosine",
            warmup=0.05,
            floor=0.02,
            weight_decay=0.01,
            clip=1.0,
        ),
        heavy=True,
    )
    for system, about in (
        ("rnn", "recurrent network (Elman 1990)"),
        ("gru", "gated recurrent units (Cho et al. 2014)"),
        ("lstm", "long short-term memory (Hochreiter and Schmidhuber 1997)"),
    )
)
