"""Sentences as numbers for a network, beside the text that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flori.data.buckets import Buckets
from flori.data.rare_words import RareWords
from flori.data.sequence_parts import TaggingPart, TextPart, TranslationPart
from flori.data.shares import WHOLE, Share

LETTERS = 100  # of a text, where it stands for an example
SAMPLE = 32  # tokens of a sentence, to show what layers do
BUDGET = 1 << 15  # padded tokens of a batch, where nothing else is asked for


@dataclass(frozen=True)
class Numbered:
    """N examples: `numbers` to make batches of, `texts` to show (Pairs, Sentences or Texts)."""

    numbers: TranslationPart | TaggingPart | TextPart
    texts: Any

    def __len__(self) -> int:
        return len(self.texts)

    def content(self) -> bytes:
        return self.numbers.content()

    @property
    def targets(self) -> Tensor:
        """The class of each text, int64 [N]."""
        assert isinstance(self.numbers, TextPart)
        return self.numbers.classes

    @property
    def names(self) -> list[str]:
        """Where each text is from, and how it begins."""
        return [f"{name}: {_begun(text)}" for name, text in zip(self.texts.names, self.texts.texts, strict=True)]

    def batches(
        self,
        most: int,
        device: torch.device,
        seed: int = 0,
        budget: int = BUDGET,
        rare: RareWords | None = None,
        share: Share = WHOLE,
    ) -> Buckets:
        """Batches of examples of like length, of at most so many examples and padded tokens."""
        return Buckets(self.numbers, budget, seed, device, most, rare, share)


def _begun(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
