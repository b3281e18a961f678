"""How text is read and prepared, for each kind of learning from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import Source, value


@dataclass(frozen=True)
class Text(Source):
    """What counts as a word."""

    tokens: Literal["char", "word", "bpe", "wordpiece"] = value(
        "word", "what text is divided into: characters, words, or pieces learnt from the data"
    )
    most: int | None = value(None, "words of the vocabulary at most, the commonest", at_least=5, at_most=10_000_000)
    least: int = value(1, "times that a word occurs at least; rarer ones are unknown", at_least=1, at_most=1_000_000)
    lower: bool = value(False, "capital letters are made small")


@dataclass(frozen=True)
class Corpus(Text):
    """One long text, to learn its language."""

    window: int = value(128, "tokens that are learnt from at once", at_least=1, at_most=1_000_000)
    order: Literal["random", "sequential"] = value(
        "random", "windows anywhere in random order, or as many streams as the batch is large, their state carried on"
    )


@dataclass(frozen=True)
class Pairs(Text):
    """Sentences and their translations, tab-separated."""

    swap: bool = value(False, "from the second column to the first")
    longest: int = value(64, "tokens of a sentence at most; longer pairs are left out of training", at_least=1)
    tokens_a_batch: int = value(
        8192, "tokens of a batch at most on either side, padding counted; longer sentences come in smaller batches"
    )


@dataclass(frozen=True)
class Labelled(Text):
    """Texts with labels: what is unknown may be told from what stands around it."""

    unknown: float = value(
        0.0,
        "α: in training a word that occurs n times is taken for unknown with the chance α/(α + n); 0: none is",
        at_least=0,
        at_most=1000,
    )


@dataclass(frozen=True)
class Sentences(Labelled):
    """Sentences with a tag for each word, in CoNLL's columns."""


@dataclass(frozen=True)
class Texts(Labelled):
    """Texts by class: folders, a file a class, or a table with a column of text and one of classes."""

    text: str | None = value(None, "table: the column of text; None: the longest one")
    target: str | None = value(None, "table: the column of classes")
    longest: int = value(512, "tokens of a text at most; of longer ones the end is left out", at_least=1)
