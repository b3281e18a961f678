"""seq2seq, seq2seq-attention: recurrent encoders and decoders that translate."""

from dataclasses import dataclass
from typing import Any, Literal

from flori.core.recipe import Recipe, Training, value
from flori.core.texts import Pairs


@dataclass(frozen=True)
class Options:
    """The layers of encoder and decoder."""

    cell: Literal["gru", "lstm", "rnn"] = value("gru", "what recurs")
    width: int = value(256, "numbers that stand for a token", at_least=1, at_most=65_536)
    hidden: int = value(256, "units of each layer and direction", at_least=1, at_most=65_536)
    layers: int = value(2, "layers of the encoder, and of the decoder", at_least=1, at_most=64)
    dropout: float = value(0.2, "share of numbers left out in training", at_least=0, at_most=0.99)


@dataclass(frozen=True)
class Attentive(Options):
    """How it looks at the source."""

    score: Literal["additive", "dot"] = value("additive", "of a query and a key")
    feeding: bool = value(False, "what was found goes into the step, as in the paper: several times as slow")


PAIRS = Pairs(source="fra-eng", tokens="bpe", most=8_000, test=0.02, longest=48)
TRAINING = Training(
    epochs=4,
    batch=256,
    optimizer="muon",
    lr=0.01,
    schedule="cosine",
    warmup=0.05,
    floor=0.02,
    weight_decay=0.01,
    clip=1.0,
    label_smoothing=0.1,
)


def translator(system: str, about: str, model: Any, **training: Any) -> Recipe:
    """The recipe of a system that translates."""
    import dataclasses

    return Recipe(
        system=system,
        about=about,
        tasks=("translation",),
        model=model,
        data=PAIRS,
        training=dataclasses.replace(TRAINING, **training),
        heavy=True,
        reference="" if system == "transformer" else "seq2seq",
    )


RECIPES = (
    translator("seq2seq", "recurrent encoder and decoder (Sutskever, Vinyals and Le 2014)", Options()),
    translator("seq2seq-attention", "with attention over the source (Bahdanau, Cho and Bengio 2015)", Attentive()),
)
