"""Translation: pairs of sentences as tokens of two vocabularies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.core.texts import Pairs as Options
from flori.data import pairs
from flori.data.buckets import Buckets
from flori.data.codec import Prepared
from flori.data.dividing import divide
from flori.data.numbered import BUDGET, Numbered
from flori.data.sequence_parts import TranslationPart
from flori.data.sources import found
from flori.data.vocabulary import TRANSLATION, Vocabulary


@dataclass(frozen=True)
class TranslationCodec:
    """Sentences ↔ tokens, on both sides."""

    source: Vocabulary
    target: Vocabulary
    longest: int
    task: str = "translation"
    example: str = '"A sentence."'

    @property
    def labels(self) -> list[str]:
        return []

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.source), len(self.target)

    @property
    def numbers(self) -> int:
        return self.longest * max(512, len(self.target))

    @property
    def described(self) -> str:
        return f"pairs, {len(self.source):,} and {len(self.target):,} kinds of tokens"

    def sample(self) -> tuple[torch.Tensor, ...]:
        tokens = torch.zeros(1, self.longest, dtype=torch.int64)
        return tokens, torch.tensor([self.longest]), tokens

    def state(self) -> dict[str, Any]:
        return {"source": self.source.state(), "target": self.target.state(), "longest": self.longest}

    @staticmethod
    def restore(state: dict[str, Any]) -> TranslationCodec:
        return TranslationCodec(*(Vocabulary.restore(state[side]) for side in ("source", "target")), state["longest"])

    def read(self, options: Options, seed: int, divided: bool, needs_valid: bool = False) -> dict[str, Numbered]:
        """The pairs of a set by part. Raises UserError where they cannot be read."""
        parts = _read(options).parts
        if divided:
            parts = divide(parts, options, seed, needs_valid, pairs.split)
        return self.encoded(parts)[0]

    def encoded(self, parts: dict[str, pairs.Pairs]) -> tuple[dict[str, Numbered], int]:
        """The pairs as tokens, those of the training part that are too long left out; and how many these are."""
        found = {part: self._encoded(texts) for part, texts in parts.items()}
        if "train" not in found:
            return found, 0
        whole = found["train"]
        kept = torch.from_numpy((whole.numbers.lengths <= self.longest + 1).all(1)).nonzero().flatten()
        if not len(kept):
            raise UserError(
                f"every training pair has a sentence of more than {self.longest} tokens; raise data.longest"
            )
        if len(kept) == len(whole):
            return found, 0
        return {**found, "train": self._encoded(whole.texts.take(kept))}, len(whole) - len(kept)

    def _encoded(self, texts: pairs.Pairs) -> Numbered:
        return Numbered(TranslationPart.of(texts.sources, texts.targets, self.source, self.target), texts)

    def batches(
        self,
        part: Numbered,
        size: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Options | None = None,
    ) -> Buckets:
        """Pairs of like length together, at most `size` of them and as many tokens as `options` say."""
        return part.batches(size, device, seed, options.tokens_a_batch if options else BUDGET)


def prepare(recipe: Recipe) -> Prepared:
    """Read and divide pairs, and make tokens of them by vocabularies of the training part alone."""
    options: Options = recipe.data
    raw = _read(options)
    try:
        parts = divide(raw.parts, options, recipe.seed, recipe.training.patience is not None, pairs.split)
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    chosen = {"most": options.most, "least": options.least, "lower": options.lower}
    train = parts["train"]
    words = [
        Vocabulary.build(texts, options.tokens, special=TRANSLATION, **chosen)
        for texts in (train.sources, train.targets)
    ]
    codec = TranslationCodec(*words, options.longest)
    encoded, left_out = codec.encoded(parts)
    notes = [f"{left_out:,} training pairs of more than data.longest={options.longest} tokens are left out"]
    return Prepared(encoded, codec, raw.skipped, notes if left_out else [])


def _read(options: Options) -> pairs.PairSet:
    path = found(options.source, "a file of pairs, a line each: source, tab, target")
    return pairs.read(path, options.encoding, options.on_bad, options.swap)
