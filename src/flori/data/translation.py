"""Translation: pairs of sentences as tokens of two vocabularies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.core.texts import Pairs as Options
from flori.data import pairs
from flori.data.buckets import Buckets
from flori.data.codec import Prepared
from flori.data.dividing import divide, resampled
from flori.data.numbered import BUDGET, Numbered
from flori.data.sequence_parts import TranslationPart
from flori.data.shares import WHOLE, Share
from flori.data.sources import found
from flori.data.vocabulary import TRANSLATION, Vocabulary

MOST = 1024  # tokens of a sentence: attention's work and memory grow with their square


@dataclass(frozen=True)
class TranslationCodec:
    """Sentences ↔ tokens, on both sides; no longer ones than `longest` are learnt from."""

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

    @property
    def most(self) -> int:
        """Tokens of a sentence that is translated, at most."""
        return max(self.longest, MOST)

    def state(self) -> dict[str, Any]:
        return {"source": self.source.state(), "target": self.target.state(), "longest": self.longest}

    @staticmethod
    def restore(state: dict[str, Any]) -> TranslationCodec:
        source, target = (Vocabulary.restore(state[side]) for side in ("source", "target"))
        return TranslationCodec(source, target, state["longest"])

    def read(self, options: Options, seed: int, divided: bool, needs_valid: bool = False) -> dict[str, Numbered]:
        """The pairs of a set by part. Raises UserError where they cannot be read, or are too long to be judged."""
        parts = read_set(options).parts
        if divided:
            parts = divide(parts, options, seed, needs_valid, pairs.tie)
            return self.encoded(resampled(parts, options, seed))[0]
        found = {part: self._encoded(texts) for part, texts in parts.items()}
        for part in found.values():
            too_long = _longer(part, self.most)
            if too_long.any():
                where = part.texts.names[int(too_long.argmax())]
                raise UserError(
                    f"{options.source}: {where} has more than {self.most:,} tokens; divide it or leave it out"
                )
        return found

    def encoded(self, parts: dict[str, pairs.Pairs]) -> tuple[dict[str, Numbered], list[str]]:
        """The pairs as tokens, without those that are too long to learn from or to be judged; and how many these are.
        Raises UserError where none is left."""
        found, notes = {}, []
        for part, texts in parts.items():
            trained = part == "train"
            name, most = ("training", self.longest) if trained else (part, self.most)
            limit = f"data.longest={most}" if trained else f"{most:,}"
            whole = self._encoded(texts)
            kept = torch.from_numpy(~_longer(whole, most)).nonzero().flatten()
            if not len(kept):
                hint = "; raise data.longest" if trained else ""
                raise UserError(f"every {name} pair has a sentence of more than {limit} tokens{hint}")
            if len(kept) < len(whole):
                notes.append(f"{len(whole) - len(kept):,} {name} pairs of more than {limit} tokens are left out")
            found[part] = whole if len(kept) == len(whole) else self._encoded(texts.take(kept))
        return found, notes

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
        share: Share = WHOLE,
    ) -> Buckets:
        """Pairs of like length together, at most `size` of them and as many tokens as `options` say."""
        return part.batches(size, device, seed, options.tokens_a_batch if options else BUDGET, share=share)


def prepare(recipe: Recipe) -> Prepared:
    """Read and divide pairs, and make tokens of them by vocabularies of the training part alone."""
    options: Options = recipe.data
    raw = read_set(options)
    try:
        parts = divide(raw.parts, options, recipe.seed, recipe.training.patience is not None, pairs.tie)
        codec = _fit(parts["train"], options)
        encoded, notes = codec.encoded(resampled(parts, options, recipe.seed))
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    return Prepared(encoded, codec, raw.skipped, notes)


def _fit(train: pairs.Pairs, options: Options) -> TranslationCodec:
    chosen: dict[str, Any] = {"most": options.most, "least": options.least, "lower": options.lower}
    source, target = (
        Vocabulary.build(texts, options.tokens, special=TRANSLATION, **chosen)
        for texts in (train.sources, train.targets)
    )
    return TranslationCodec(source, target, options.longest)


def _longer(part: Numbered, most: int) -> Any:
    """Which pairs have a sentence of more than so many tokens, bool [N]; the target's <eos> is none."""
    return ((part.numbers.lengths - np.array([0, 1])) > most).any(1)


def read_set(options: Options) -> pairs.PairSet:
    """The pairs behind ``data=``, by part."""
    path = found(options.source, "a file of pairs, a line each: source, tab, target")
    return pairs.read(path, options.encoding, options.on_bad, options.swap)
