"""Pieces of words, trained on the data by Hugging Face's `tokenizers`.

BPE (Sennrich, Haddow and Birch 2016) works on bytes (Radford et al. 2019): no text is unknown to it, and every text
comes back as it was. WordPiece (Schuster and Nakajima 2012, as in BERT) has words begin anew after spaces and
punctuation; its pieces within a word begin with ``##``.

Texts are cut into lines first, so that a long text gives the same pieces whether it comes whole or in parts that end
with a line. No special token is known to the trained model: a text that spells one is text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flori.data.coders import count_chunks

UNBROKEN = 1000  # characters without a space, after which a word is cut: the work grows faster than its length
TOO_LONG = re.compile(rf"\S{{{UNBROKEN + 1}}}")
CUT = re.compile(rf"\s*\S{{1,{UNBROKEN}}}|\s+")
BYTES = 256
CONTINUED = "##"
REPEATED = 1000  # times that a chunk is put into one text


def train(texts: Iterable[str], kind: str, size: int, least: int, unknown: str) -> dict[str, Any]:
    """A tokeniser of at most `size` pieces, as `tokenizers` writes it (JSON): the same for the same texts. Of BPE there
    are at least 256, a byte each; two pieces are merged if they stand together `least` times."""
    tokenizer = _bpe(texts, size, least) if kind == "bpe" else _wordpiece(texts, size, least, unknown)
    model: dict[str, Any] = json.loads(tokenizer.to_str())
    model["added_tokens"] = []
    return model


def _bpe(texts: Iterable[str], size: int, least: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=least, initial_alphabet=alphabet, special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator((line for text in texts for line in _lines(text)), trainer)
    return tokenizer


def _wordpiece(texts: Iterable[str], size: int, least: int, unknown: str) -> Any:
    """The alphabet is given as special tokens: the trainer itself numbers it in another order each time, and ties
    between merges go by number."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer: Any = Tokenizer(models.WordPiece(unk_token=unknown))
    words = Regex(r"\n|[\w\p{M}]+|[^\w\p{M}\s]")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(words, "removed", invert=True)
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUED, cleanup=True)
    chunks, line_ends = count_chunks(texts, size)
    letters = _commonest_letters(chunks, (size - 2) // 2) + (["\n"] if line_ends else [])
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=least,
        special_tokens=[unknown, *letters, *(CONTINUED + letter for letter in letters if letter != "\n")],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_repeated(chunks), trainer)
    return tokenizer


def _commonest_letters(chunks: Counter[str], most: int) -> list[str]:
    counts: Counter[str] = Counter()
    for chunk, number in chunks.items():
        for letter in chunk:
            counts[letter] += number
    return sorted(counts, key=lambda letter: (-counts[letter], letter))[:most]


def _repeated(chunks: Counter[str]) -> Iterator[str]:
    """Texts in which chunks occur as often as counted."""
    for chunk, number in chunks.items():
        for part in _lines(chunk):
            for first in range(0, number, REPEATED):
                yield f"{part} " * min(REPEATED, number - first)


def pieces(model: dict[str, Any], unknown: str) -> list[str]:
    """The pieces that a trained tokeniser knows, in its order, without the unknown one."""
    numbered = model["model"]["vocab"]
    ordered = sorted(numbered, key=numbered.__getitem__)
    return [piece for piece in ordered if piece != unknown] if model["model"]["type"] == "WordPiece" else ordered


class Subwords:
    """Numbers of a trained tokeniser, moved up by the special tokens before them."""

    def __init__(self, model: dict[str, Any], special: tuple[str, ...], unknown: int) -> None:
        from tokenizers import Tokenizer

        self.tokenizer: Any = Tokenizer.from_str(json.dumps(model))
        count = max(model["model"]["vocab"].values()) + 1
        self.moved = np.arange(count, dtype=np.uint32) + np.uint32(len(special))
        own = model["model"]["vocab"].get(model["model"].get("unk_token"))
        if own is not None:
            self.moved[own:] -= np.uint32(1)
            self.moved[own] = unknown

    def array(self, text: str) -> NDArray[np.uint32]:
        found = self.tokenizer.encode_batch_fast(list(_lines(text)), add_special_tokens=False)
        return self.moved[np.fromiter(chain.from_iterable(line.ids for line in found), np.int64)]

    def encode_all(self, texts: list[str]) -> list[list[int]]:
        lines = [list(_lines(text)) for text in texts]
        found = iter(self.tokenizer.encode_batch_fast(list(chain.from_iterable(lines)), add_special_tokens=False))
        numbers = [[number for line in islice(found, len(each)) for number in line.ids] for each in lines]
        return [self.moved[np.array(each, np.int64)].tolist() for each in numbers]

    def join(self, tokens: list[str]) -> str:
        text: str = self.tokenizer.decoder.decode(tokens)
        return text.replace(" \n ", "\n").replace(" \n", "\n").replace("\n ", "\n") if self._drops_spaces else text

    @property
    def _drops_spaces(self) -> bool:
        return type(self.tokenizer.model).__name__ == "WordPiece"


def _lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends, and what is too long without a space in pieces."""
    first = 0
    while first < len(text):
        end = text.find("\n", first) + 1 or len(text)
        line = text[first:end]
        if len(line) > UNBROKEN and TOO_LONG.search(line):
            yield from CUT.findall(line)
        else:
            yield line
        first = end
