"""ngram: counted n-grams as a language model."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import Recipe, Training, value
from flori.core.texts import Corpus


@dataclass(frozen=True)
class Options:
    """How far it looks back, and what it makes of what was never seen."""

    order: int = value(3, "tokens of the longest n-gram", at_least=1, at_most=32)
    smoothing: Literal["interpolation", "add-k"] = value("interpolation", "with shorter n-grams, or by a constant")
    strength: float = value(1.0, "k of add-k, or ε of interpolation", at_least=0, at_most=1e6)


RECIPE = Recipe(
    system="ngram",
    about="counts of 1- to n-grams, smoothed (Shannon 1951, Jelinek and Mercer 1980)",
    tasks=("language",),
    model=Options(),
    data=Corpus(source="time-machine", tokens="word", lower=True),
    training=Training(epochs=None, steps=1, batch=16, optimizer="counting"),
)
