"""Classes of texts: texts as tokens, with a class each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.core.texts import Texts as Options
from flori.data import texts
from flori.data.buckets import Buckets
from flori.data.codec import Prepared
from flori.data.dividing import divide, resampled
from flori.data.numbered import SAMPLE, Numbered
from flori.data.rare_words import rare_words
from flori.data.sequence_parts import TextPart
from flori.data.shares import WHOLE, Share
from flori.data.sources import found
from flori.data.ties import Ties
from flori.data.vocabulary import LABELLING, Vocabulary


@dataclass(frozen=True)
class TextCodec:
    """Texts ↔ tokens; of each text the first `longest` count. `whole`: a file was one text, not one a line."""

    vocabulary: Vocabulary
    longest: int
    labels: list[str] = field(default_factory=list)
    whole: bool = False
    task: str = "classification"
    numbers: int = 4096
    example: str = '"A text."'

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.vocabulary), len(self.labels)

    @property
    def described(self) -> str:
        return f"texts of {len(self.vocabulary):,} kinds of tokens, {len(self.labels)} classes"

    def sample(self) -> tuple[torch.Tensor, ...]:
        return torch.zeros(1, SAMPLE, dtype=torch.int64), torch.tensor([SAMPLE])

    def state(self) -> dict[str, Any]:
        return {
            "vocabulary": self.vocabulary.state(),
            "longest": self.longest,
            "labels": self.labels,
            "whole": self.whole,
        }

    @staticmethod
    def restore(state: dict[str, Any]) -> TextCodec:
        words = Vocabulary.restore(state["vocabulary"])
        return TextCodec(words, state["longest"], state["labels"], state.get("whole", False))

    def read(self, options: Options, seed: int, divided: bool, needs_valid: bool = False) -> dict[str, Numbered]:
        """The texts of a set by part. Raises UserError where they have classes that the network does not know."""
        raw = read_set(options)
        unknown = sorted(set(raw.labels) - set(self.labels))
        if unknown:
            raise UserError(f"{options.source} has classes that the network does not know: {', '.join(unknown)}")
        parts = _divided(raw, options, seed, needs_valid) if divided else raw.parts
        return {part: self.encoded(found, raw.labels) for part, found in parts.items()}

    def encoded(self, found: texts.Texts, labels: list[str]) -> Numbered:
        """Texts of classes `labels` as tokens, with their classes by the network's numbers."""
        number = torch.tensor([self.labels.index(label) for label in labels])
        return Numbered(TextPart.of(found.texts, number[found.targets], self.vocabulary, self.longest), found)

    def batches(
        self,
        part: Numbered,
        size: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Options | None = None,
        share: Share = WHOLE,
    ) -> Buckets:
        """Texts of like length together, at most `size` of them; `options` say how often rare tokens are hidden."""
        assert isinstance(part.numbers, TextPart)
        rare = rare_words(part.numbers.texts, options, self.vocabulary.unknown, seed)
        return part.batches(size, device, seed, rare=rare, share=share)


def prepare(recipe: Recipe) -> Prepared:
    """Read and divide texts, and make tokens of them by a vocabulary of the training part alone."""
    options: Options = recipe.data
    raw = read_set(options)
    chosen: dict[str, Any] = {"most": options.most, "least": options.least, "lower": options.lower}
    try:
        parts = divide(raw.parts, options, recipe.seed, recipe.training.patience is not None, _tie)
        words = Vocabulary.build(parts["train"].texts, options.tokens, special=LABELLING, **chosen)
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    codec, parts = TextCodec(words, options.longest, raw.labels, raw.whole), resampled(parts, options, recipe.seed)
    return Prepared({part: codec.encoded(one, raw.labels) for part, one in parts.items()}, codec, raw.skipped, [])


def read_set(options: Options) -> texts.TextSet:
    """The texts behind ``data=``, by class and part."""
    path = found(options.source, "a folder of texts by class, or a table with a column of text and one of classes")
    return texts.read(path, options.target, options.text, options.encoding, options.on_bad)


def _divided(raw: texts.TextSet, options: Options, seed: int, needs_valid: bool) -> dict[str, texts.Texts]:
    """The parts as for training."""
    return resampled(divide(raw.parts, options, seed, needs_valid, _tie), options, seed)


def _tie(part: texts.Texts) -> Ties:
    return Ties(len(part), part.targets)
