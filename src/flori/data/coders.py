"""Characters and words ↔ numbers, and how often each occurs. `flori.data.subwords` has those that are trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flori.data import words

CODES = 0x110000  # of Unicode
GATHERED = 1 << 20  # characters that are worth a pass over all codes
DISTINCT = 1 << 18  # different words that are counted at once where only the commonest are wanted,
SHARE = 4  # or for each of these so many, if that is more
REMEMBERED, LONGEST = 1 << 18, 64  # chunks of text whose tokens are kept at hand, and their longest


class Characters:
    """One number a character."""

    def __init__(self, tokens: list[str], unknown: int) -> None:
        self.table = np.full(CODES, unknown, np.uint32)
        for number, token in enumerate(tokens):
            if len(token) == 1:
                self.table[ord(token)] = number

    def array(self, text: str) -> NDArray[np.uint32]:
        return self.table[_codes(text)]

    def encode_all(self, texts: list[str]) -> list[list[int]]:
        return [self.array(text).tolist() for text in texts]

    def join(self, tokens: list[str]) -> str:
        return "".join(tokens)


@dataclass
class Words:
    """One number a word, a punctuation mark or an end of line; that of `unknown` for every other word."""

    numbers: dict[str, int]
    unknown: str
    _known: dict[str, list[int]] = field(default_factory=dict)

    def array(self, text: str) -> NDArray[np.uint32]:
        return np.array(self._encode(text), np.uint32)

    def encode_all(self, texts: list[str]) -> list[list[int]]:
        return [self._encode(text) for text in texts]

    def join(self, tokens: list[str]) -> str:
        return words.join(tokens)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        end = self.numbers.get(words.LINE_END)
        for number, line in enumerate(text.split("\n")):
            if number and end is not None:
                ids.append(end)
            for chunk in line.split():
                known = self._known.get(chunk)
                ids += self._chunk(chunk) if known is None else known
        return ids

    def _chunk(self, chunk: str) -> list[int]:
        unknown = self.numbers[self.unknown]
        tokens = [chunk] if chunk == self.unknown else words.split(chunk)
        ids = [self.numbers.get(token, unknown) for token in tokens]
        if len(chunk) <= LONGEST:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[chunk] = ids
        return ids


def count_characters(texts: Iterable[str]) -> dict[str, int]:
    """How often each character occurs."""
    counts = np.zeros(CODES, np.int64)
    for text in _gathered(texts):
        counts += np.bincount(_codes(text), minlength=CODES)
    return {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}


def count_words(texts: Iterable[str], unknown: str, most: int | None = None) -> Counter[str]:
    """How often each token of `flori.data.words` occurs; a text's own `unknown` words count nothing. For `most` see
    `count_chunks`."""
    chunks, line_ends = count_chunks(texts, most)
    counts: Counter[str] = Counter({words.LINE_END: line_ends} if line_ends else {})
    for chunk, number in chunks.items():
        if chunk != unknown:
            for token in words.split(chunk):
                counts[token] += number
    return counts


def count_chunks(texts: Iterable[str], most: int | None) -> tuple[Counter[str], int]:
    """How often each run of characters between spaces occurs, and how many lines end.

    Args:
        most: how many of the commonest are wanted; None: all. Rare ones are forgotten whenever there are far more, so
            that memory does not grow with the text; the counts of those that come again are lower by that.
    """
    chunks: Counter[str] = Counter()
    room = None if most is None else max(DISTINCT, SHARE * most)
    line_ends = 0
    for text in texts:
        chunks.update(text.split())
        line_ends += text.count("\n")
        if room is not None and len(chunks) > room:
            _forget_rare(chunks, room // 2)
    return chunks, line_ends


def _forget_rare(chunks: Counter[str], most: int) -> None:
    least = 1
    while len(chunks) > most:
        least += 1
        for chunk in [chunk for chunk, number in chunks.items() if number < least]:
            del chunks[chunk]


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def _gathered(texts: Iterable[str]) -> Iterator[str]:
    """Short texts put together: a pass over all codes takes milliseconds, whatever the length."""
    held, size = [], 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= GATHERED:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)
