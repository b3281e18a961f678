"""Texts ↔ numbers: characters, words, or pieces of words (BPE, WordPiece), fitted on the training part."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flori.core.errors import UserError
from flori.data import coders, subwords, words

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
LANGUAGE = (UNKNOWN,)
LABELLING = (PAD, UNKNOWN)
TRANSLATION = (PAD, UNKNOWN, BEGIN, END)
PIECES = 8192  # of words, where no size is asked for

Kind = Literal["char", "word", "bpe", "wordpiece"]


@dataclass(frozen=True)
class Vocabulary:
    """V tokens and their numbers; the special ones come first.

    Args:
        tokens: all V, as text; a word's neighbours tell where its spaces were (`flori.data.words`).
        special: `LANGUAGE`, `LABELLING` or `TRANSLATION`.
        lower: texts are put into lower case.
        model: of BPE and WordPiece, the trained tokeniser as `tokenizers` writes it.
    """

    kind: Kind
    tokens: list[str]
    special: tuple[str, ...] = LANGUAGE
    lower: bool = False
    model: dict[str, Any] | None = None

    @staticmethod
    def build(
        texts: Iterable[str],
        kind: Kind = "word",
        *,
        special: tuple[str, ...] = LANGUAGE,
        most: int | None = None,
        least: int = 1,
        lower: bool = False,
    ) -> Vocabulary:
        """The vocabulary of texts, the same for the same texts: by count, ties by the text itself.

        Args:
            texts: any number of any length; they are gone through once.
            most: the greatest size V, special tokens included; None: all tokens, but 8,192 pieces of words.
            least: how often a token must occur (of pieces: two that are merged into a longer one).

        Raises UserError where nothing is found, or `most` leaves no room.
        """
        _check_room(most, special)
        texts = (_ready(text, kind, lower) for text in texts)
        if kind in ("bpe", "wordpiece"):
            room = (most or PIECES) - len(special) + (kind == "wordpiece")
            if kind == "bpe" and room < subwords.BYTES:
                raise UserError(f"a BPE vocabulary has a token a byte: {subwords.BYTES + len(special)} at least")
            model = subwords.train(texts, kind, room, least, UNKNOWN)
            return _not_empty(Vocabulary(kind, _pieces(special, model), special, lower, model))
        counts = coders.count_characters(texts) if kind == "char" else coders.count_words(texts, UNKNOWN, most)
        return _not_empty(Vocabulary(kind, [*special, *_commonest(counts, most, least, special)], special, lower))

    @staticmethod
    def of_words(
        sentences: Iterable[Sequence[str]],
        *,
        special: tuple[str, ...] = LABELLING,
        most: int | None = None,
        least: int = 1,
        lower: bool = False,
    ) -> Vocabulary:
        """The vocabulary of sentences that are cut into words already: each is one token, whatever is in it."""
        _check_room(most, special)
        counts = Counter(_ready(word, "word", lower) for sentence in sentences for word in sentence)
        for name in special:
            counts.pop(name, None)
        return _not_empty(Vocabulary("word", [*special, *_commonest(counts, most, least, special)], special, lower))

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def unknown(self) -> int:
        return self.special.index(UNKNOWN)

    @property
    def pad(self) -> int | None:
        return self._special(PAD)

    @property
    def begin(self) -> int | None:
        return self._special(BEGIN)

    @property
    def end(self) -> int | None:
        return self._special(END)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text; nothing is put before or after them. Words never seen are `unknown`."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """The numbers of many texts, faster than one after the other."""
        return self._coder.encode_all([_ready(text, self.kind, self.lower) for text in texts])

    def array(self, text: str) -> NDArray[np.uint32]:
        """The numbers of a long text, uint32."""
        return self._coder.array(_ready(text, self.kind, self.lower))

    def ids(self, given: Sequence[str]) -> list[int]:
        """The numbers of a sentence that is cut into words already: one a word."""
        return [self._numbers.get(_ready(word, "word", self.lower), self.unknown) for word in given]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of numbers, readable; padding, beginning and end are left out."""
        silent = {self.pad, self.begin, self.end}
        return self._coder.join([self.tokens[number] for number in ids if number not in silent])

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        state = {"kind": self.kind, "special": list(self.special), "lower": self.lower}
        return {**state, **({"tokens": self.tokens} if self.model is None else {"model": self.model})}

    @staticmethod
    def restore(state: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `state` described. Raises LookupError, TypeError or ValueError where it did not."""
        special, model = tuple(state["special"]), state.get("model")
        tokens = state["tokens"] if model is None else _pieces(special, model)
        if len(tokens) <= len(special):
            raise ValueError("a vocabulary without words")
        return Vocabulary(state["kind"], list(tokens), special, state["lower"], model)

    def _special(self, name: str) -> int | None:
        return self.special.index(name) if name in self.special else None

    @cached_property
    def _numbers(self) -> dict[str, int]:
        silent = {self.pad, self.begin, self.end}  # a text cannot spell them
        return {token: number for number, token in enumerate(self.tokens) if number not in silent}

    @cached_property
    def _coder(self) -> coders.Characters | coders.Words | subwords.Subwords:
        if self.model is not None:
            return subwords.Subwords(self.model, self.special, self.unknown)
        if self.kind == "char":
            return coders.Characters(self.tokens, self.unknown)
        return coders.Words(self._numbers, UNKNOWN)


def vocabularies(codec: object) -> dict[str, Vocabulary]:
    """Those that a codec keeps, by the names that it gives them; none of pictures and tables."""
    return {name: kept for name, kept in vars(codec).items() if isinstance(kept, Vocabulary)}


def _ready(text: str, kind: str, lower: bool) -> str:
    """Characters and bytes are taken as they are; words have one form."""
    text = words.tidy(text) if kind in ("word", "wordpiece") else text
    return unicodedata.normalize("NFC", text.lower()) if lower else text


def _pieces(special: tuple[str, ...], model: dict[str, Any]) -> list[str]:
    return [*special, *subwords.pieces(model, UNKNOWN)]


def _commonest(counts: Mapping[str, int], most: int | None, least: int, special: tuple[str, ...]) -> list[str]:
    kept = sorted((-count, token) for token, count in counts.items() if count >= least)
    return [token for _, token in kept[: None if most is None else most - len(special)]]


def _check_room(most: int | None, special: tuple[str, ...]) -> None:
    if most is not None and most <= len(special):
        raise UserError(f"a vocabulary of {most} has no room beside the special tokens {' '.join(special)}")


def _not_empty(vocabulary: Vocabulary) -> Vocabulary:
    if len(vocabulary) == len(vocabulary.special):
        raise UserError("the training text holds no word, or none that occurs often enough for the vocabulary")
    return vocabulary
