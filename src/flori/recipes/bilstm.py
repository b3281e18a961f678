"""bilstm-tagger, bilstm-classifier: sentences read from both ends."""

from dataclasses import dataclass, replace
from typing import Literal

from flori.core.recipe import Recipe, Training, value
from flori.core.texts import Sentences, Texts


@dataclass(frozen=True)
class Options:
    """The layers between words and labels."""

    width: int = value(128, "numbers that stand for a word", at_least=1, at_most=65_536)
    hidden: int = value(128, "units of each layer and direction", at_least=1, at_most=65_536)
    layers: int = value(1, "layers", at_least=1, at_most=64)
    dropout: float = value(0.5, "share of numbers left out in training", at_least=0, at_most=0.99)


@dataclass(frozen=True)
class Spelling(Options):
    """What a word looks like, beside which one it is."""

    characters: int = value(
        32, "numbers that stand for a word's letters; 0: they are not read", at_least=0, at_most=65_536
    )


@dataclass(frozen=True)
class Pooled(Options):
    """How words become a text."""

    pooling: Literal["max", "mean"] = value("max", "of what was found for each word")


TRAINING = Training(
    epochs=10,
    batch=64,
    optimizer="adamw",
    lr=2e-3,
    schedule="cosine",
    warmup=0.05,
    weight_decay=0.01,
    clip=1.0,
)
TAGGER = Recipe(
    system="bilstm-tagger",
    about="a tag for each word by LSTMs from both ends (Graves and Schmidhuber 2005)",
    tasks=("tagging",),
    model=Spelling(),
    data=Sentences(source="wnut17", lower=True, unknown=1.0),
    training=replace(TRAINING, batch=16, optimizer="muon", lr=0.01),
)
CLASSIFIER = Recipe(
    system="bilstm-classifier",
    about="the class of a text by LSTMs from both ends",
    tasks=("classification",),
    model=Pooled(),
    data=Texts(source="rt-polarity", lower=True, encoding="latin-1"),
    training=TRAINING,
)
