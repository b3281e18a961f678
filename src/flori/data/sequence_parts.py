"""Parts of a set whose examples are sequences of different length: what `flori.data.buckets` makes batches of.

In each of them a text without a single token is one unknown word: no network can read an empty sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.data.sequences import IGNORED, Ragged, TokenBatch
from flori.data.spelling import Spelled
from flori.data.vocabulary import Vocabulary


class SequencePart(Protocol):
    """N examples that take so many places, int64 [N, k] for k padded tensors, and the batch of some of them."""

    @property
    def lengths(self) -> NDArray[np.int64]: ...

    def batch(self, index: NDArray[np.int64]) -> TokenBatch: ...

    def targets(self, index: NDArray[np.int64]) -> int:
        """How many targets these examples have."""

    def content(self) -> bytes:
        """A hash of all examples."""


@dataclass(frozen=True)
class TranslationPart:
    """Pairs of sentences as numbers."""

    source: Ragged
    target: Ragged
    source_pad: int
    target_pad: int
    begin: int
    end: int

    @staticmethod
    def of(sources: Iterable[str], targets: Iterable[str], source: Vocabulary, target: Vocabulary) -> TranslationPart:
        """Pairs encoded by vocabularies with all four special tokens."""
        if source.pad is None or target.pad is None or target.begin is None or target.end is None:
            raise ValueError("translation needs vocabularies with <pad> <unk> <bos> <eos>")
        sides = _encoded(sources, source), _encoded(targets, target)
        return TranslationPart(*sides, source.pad, target.pad, target.begin, target.end)

    def content(self) -> bytes:
        """A hash of all examples."""
        return self.source.content() + self.target.content()

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        return np.stack([self.source.lengths, self.target.lengths + 1], 1)

    def targets(self, index: NDArray[np.int64]) -> int:
        return int(self.lengths[index, 1].sum())

    def batch(self, index: NDArray[np.int64]) -> TokenBatch:
        """Inputs `<bos>` y₁ … y_n, targets y₁ … y_n `<eos>`: each place predicts the next token."""
        source, lengths = self.source.padded(index, self.source_pad), self.lengths[index]
        rows = torch.arange(len(index))
        begin = torch.full((len(index), 1), self.begin)
        inputs = torch.cat([begin, self.target.padded(index, self.target_pad)], 1)
        targets = torch.cat([self.target.padded(index, IGNORED), torch.full_like(begin, IGNORED)], 1)
        targets[rows, torch.from_numpy(lengths[:, 1] - 1)] = self.end
        source_lengths, target_lengths = torch.from_numpy(lengths).unbind(1)
        return TokenBatch(inputs, targets, target_lengths, source=source, source_lengths=source_lengths)


@dataclass(frozen=True)
class TaggingPart:
    """Sentences with a tag for each word, as numbers."""

    words: Ragged
    tags: Ragged
    pad: int
    spelled: Spelled | None = None

    @staticmethod
    def of(
        sentences: Sequence[Sequence[str]],
        tags: Iterable[Sequence[str]],
        vocabulary: Vocabulary,
        labels: list[str],
        alphabet: Vocabulary | None = None,
    ) -> TaggingPart:
        """Sentences of words, with their letters where there is an alphabet; raises KeyError for a tag that `labels`
        has not."""
        numbers = {label: number for number, label in enumerate(labels)}
        numbered = Ragged.of([numbers[tag] for tag in row] for row in tags)
        known = Ragged.of(vocabulary.ids(words) for words in sentences)
        spelled = None if alphabet is None else Spelled.of(sentences, alphabet)
        return TaggingPart(known, numbered, _pad(vocabulary), spelled)

    def content(self) -> bytes:
        """A hash of all examples."""
        spelled = b"" if self.spelled is None else self.spelled.content()
        return self.words.content() + self.tags.content() + spelled

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        return self.words.lengths[:, None]

    def targets(self, index: NDArray[np.int64]) -> int:
        return int(self.words.lengths[index].sum())

    def batch(self, index: NDArray[np.int64]) -> TokenBatch:
        lengths = torch.from_numpy(self.words.lengths[index])
        letters = None if self.spelled is None else self.spelled.padded(index)
        return TokenBatch(
            self.words.padded(index, self.pad), self.tags.padded(index, IGNORED), lengths, characters=letters
        )


@dataclass(frozen=True)
class TextPart:
    """Texts with a class each, int64 [N], as numbers."""

    texts: Ragged
    classes: Tensor
    pad: int

    @staticmethod
    def of(texts: Iterable[str], classes: Tensor, vocabulary: Vocabulary, longest: int | None = None) -> TextPart:
        """Texts encoded, of each at most the `longest` first tokens."""
        return TextPart(_encoded(texts, vocabulary, longest), classes, _pad(vocabulary))

    def content(self) -> bytes:
        """A hash of all examples."""
        return self.texts.content() + self.classes.numpy().tobytes()

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        return self.texts.lengths[:, None]

    def targets(self, index: NDArray[np.int64]) -> int:
        return len(index)

    def batch(self, index: NDArray[np.int64]) -> TokenBatch:
        lengths = torch.from_numpy(self.texts.lengths[index])
        return TokenBatch(self.texts.padded(index, self.pad), self.classes[torch.from_numpy(index)], lengths)


def _encoded(texts: Iterable[str], vocabulary: Vocabulary, longest: int | None = None) -> Ragged:
    return Ragged.of(ids[:longest] or [vocabulary.unknown] for ids in vocabulary.encode_all(texts))


def _pad(vocabulary: Vocabulary) -> int:
    if vocabulary.pad is None:
        raise ValueError("sequences of different length need a vocabulary with <pad>")
    return vocabulary.pad
