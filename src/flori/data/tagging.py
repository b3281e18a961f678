"""Tagging: sentences of words with a tag for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.core.texts import Sentences as Options
from flori.data import conll
from flori.data.buckets import Buckets
from flori.data.codec import Prepared
from flori.data.dividing import divide, resampled
from flori.data.numbered import SAMPLE, Numbered
from flori.data.rare_words import rare_words
from flori.data.sequence_parts import TaggingPart
from flori.data.shares import WHOLE, Share
from flori.data.sources import found
from flori.data.spelling import LONGEST, alphabet
from flori.data.ties import Ties
from flori.data.vocabulary import LABELLING, Vocabulary


@dataclass(frozen=True)
class TaggingCodec:
    """Words, their letters and tags ↔ numbers; `labels` are all tags. Without an alphabet letters are not read."""

    vocabulary: Vocabulary
    labels: list[str] = field(default_factory=list)
    alphabet: Vocabulary | None = None
    task: str = "tagging"
    numbers: int = SAMPLE * LONGEST * 96  # letters as a network of 32 filters sees them, three side by side
    example: str = '"A sentence."'

    @property
    def sizes(self) -> tuple[int, int, int]:
        return len(self.vocabulary), len(self.labels), len(self.alphabet or ())

    @property
    def described(self) -> str:
        return f"sentences of {len(self.vocabulary):,} kinds of words, {len(self.labels)} tags"

    def sample(self) -> tuple[torch.Tensor, ...]:
        letters = torch.zeros(1, SAMPLE, LONGEST, dtype=torch.int64)
        return letters[:, :, 0], torch.tensor([SAMPLE]), *([] if self.alphabet is None else [letters])

    def state(self) -> dict[str, Any]:
        letters = None if self.alphabet is None else self.alphabet.state()
        return {"vocabulary": self.vocabulary.state(), "labels": self.labels, "alphabet": letters}

    @staticmethod
    def restore(state: dict[str, Any]) -> TaggingCodec:
        letters = state.get("alphabet")
        restored = None if letters is None else Vocabulary.restore(letters)
        return TaggingCodec(Vocabulary.restore(state["vocabulary"]), state["labels"], restored)

    def read(self, options: Options, seed: int, divided: bool, needs_valid: bool = False) -> dict[str, Numbered]:
        """The sentences of a set by part. Raises UserError where they have tags that the network does not know."""
        raw = read_set(options)
        unknown = sorted(set(raw.labels) - set(self.labels))
        if unknown:
            raise UserError(f"{options.source} has tags that the network does not know: {', '.join(unknown)}")
        parts = _divided(raw, options, seed, needs_valid) if divided else raw.parts
        return {part: self.encoded(sentences) for part, sentences in parts.items()}

    def encoded(self, sentences: conll.Sentences) -> Numbered:
        numbers = TaggingPart.of(sentences.words, sentences.tags, self.vocabulary, self.labels, self.alphabet)
        return Numbered(numbers, sentences)

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
        """Sentences of like length together, at most `size` of them; `options` say how often rare words are hidden."""
        assert isinstance(part.numbers, TaggingPart)
        rare = rare_words(part.numbers.words, options, self.vocabulary.unknown, seed)
        return part.batches(size, device, seed, rare=rare, share=share)


def prepare(recipe: Recipe) -> Prepared:
    """Read and divide sentences, and number their words by a vocabulary of the training part alone."""
    options: Options = recipe.data
    raw = read_set(options)
    chosen: dict[str, Any] = {"most": options.most, "least": options.least, "lower": options.lower}
    try:
        parts = divide(raw.parts, options, recipe.seed, recipe.training.patience is not None, _tie)
        known = Vocabulary.of_words(parts["train"].words, special=LABELLING, **chosen)
        codec = TaggingCodec(known, raw.labels, alphabet(parts["train"].words))
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    parts = resampled(parts, options, recipe.seed)
    return Prepared({part: codec.encoded(found) for part, found in parts.items()}, codec, raw.skipped, [])


def read_set(options: Options) -> conll.TaggedSet:
    """The sentences behind ``data=``, by part."""
    path = found(options.source, "a file in CoNLL's columns: a word and its tag on each line, blank lines between")
    return conll.read(path, options.encoding, options.on_bad)


def _divided(raw: conll.TaggedSet, options: Options, seed: int, needs_valid: bool) -> dict[str, conll.Sentences]:
    """The parts as for training."""
    return resampled(divide(raw.parts, options, seed, needs_valid, _tie), options, seed)


def _tie(sentences: conll.Sentences) -> Ties:
    return Ties(len(sentences))
