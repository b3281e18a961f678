"""A text of any size → files of tokens, mapped into memory, so that none of it is ever held as a whole.

They are kept in the user's cache folder under a hash of the text and the vocabulary: built once, by one process while
others wait, and gone on with after a kill. Parts are contiguous: a text shuffled would show its test part in training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flori.core.errors import UserError
from flori.data.cache import built_once, flush, write
from flori.data.progress import counted
from flori.data.text_files import by_part
from flori.data.text_surveys import surveyed, texts
from flori.data.vocabulary import LANGUAGE, Kind, Vocabulary

ENDINGS = (".txt", ".text", ".tokens")
PIECE = 1_000_000  # characters worked on at once
JOURNAL_EVERY = 16  # pieces between two notes of how far the tokens are
VERSION = 1  # of the way from text to tokens: another one makes them anew
READ, MADE = "million characters read", "million characters made into tokens"


@dataclass(frozen=True)
class Corpus:
    """A part of a text: files one after the other, and of their characters those from `start` up to `end`."""

    files: tuple[Path, ...]
    encoding: str
    digest: str
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return -(-len(self) // PIECE)

    def pieces(self) -> Iterator[str]:
        """The text in pieces of about a million characters that end with a line, or else before a space if there is
        one: the same at each call."""
        left = ""
        for number, chunk in enumerate(self._chunks(), 1):
            text = left + chunk
            cut = len(text) if number == self.count else _last_end(text)
            left = text[cut:]
            yield text[:cut]

    def _chunks(self) -> Iterator[str]:
        """The characters, `PIECE` at a time."""
        place, held = 0, ""
        for text in texts(self.files, self.encoding):
            held += text[max(0, self.start - place) : max(0, self.end - place)]
            place += len(text)
            while len(held) >= PIECE:
                yield held[:PIECE]
                held = held[PIECE:]
            if place >= self.end:
                break
        if held:
            yield held


def read(path: Path, encoding: str = "utf-8") -> dict[str, Corpus]:
    """The parts that a text file, or a folder of them, has: all of it looked through. Raises UserError where one
    cannot be read as text, or is empty."""
    return {part: _whole(tuple(files), encoding) for part, files in by_part(path, ENDINGS).items()}


def divide(parts: dict[str, Corpus], valid: float, test: float) -> dict[str, Corpus]:
    """The parts with a share of the text as valid and test, where they are not there: its tail, the test part last."""
    whole = parts["train"]
    test, valid = (0.0 if name in parts else share for name, share in (("test", test), ("valid", valid)))
    cuts = [whole.start + int(len(whole) * share) for share in (max(0.0, 1 - test - valid), 1 - test)]
    edges = zip(("train", "valid", "test"), (whole.start, *cuts), (*cuts, whole.end), strict=True)
    made = {part: replace(whole, start=start, end=end) for part, start, end in edges}
    wanted = {"train": True, "valid": valid > 0, "test": test > 0}
    for part, corpus in made.items():
        if wanted[part] and len(corpus) < 2:
            raise UserError(f"{whole.files[0]}: {len(whole):,} characters are too few for a {part} part of its own")
    return {**parts, **{part: corpus for part, corpus in made.items() if wanted[part]}}


def fit_vocabulary(
    corpus: Corpus,
    kind: Kind,
    *,
    special: tuple[str, ...] = LANGUAGE,
    most: int | None = None,
    least: int = 1,
    lower: bool = False,
) -> Vocabulary:
    """`Vocabulary.build` of a part, kept in the cache."""
    chosen = {"kind": kind, "special": special, "most": most, "least": least, "lower": lower}
    with built_once(f"{_key(corpus, chosen)}.vocabulary.json") as path:
        if not path.exists():
            texts = counted(corpus.pieces(), corpus.count, READ)
            made = Vocabulary.build(texts, kind, special=special, most=most, least=least, lower=lower)
            write(path, json.dumps(made.state(), ensure_ascii=False).encode())
        return Vocabulary.restore(json.loads(path.read_bytes()))


def token_file(corpus: Corpus, vocabulary: Vocabulary) -> NDArray[Any]:
    """The tokens of a part, uint16 or (of more than 65,536 words) uint32 [n], mapped from their file."""
    dtype = np.dtype(np.uint16 if len(vocabulary) <= 2**16 else np.uint32)
    with built_once(f"{_key(corpus, vocabulary.state())}.{dtype.name}") as path:
        if not path.exists():
            _build(corpus, vocabulary, dtype, path)
    if path.stat().st_size == 0:
        raise UserError(f"{corpus.files[0]} holds nothing but spaces")
    return np.memmap(path, dtype, "r")


def _whole(files: tuple[Path, ...], encoding: str) -> Corpus:
    digest, size = surveyed(files, encoding)
    return Corpus(files, encoding, digest, 0, size)


def _last_end(text: str) -> int:
    """Where to cut a text: after its last line, else before its last space, else after all of it."""
    return text.rfind("\n") + 1 or max(text.rfind(" "), 0) or len(text)


def _key(corpus: Corpus, made_with: dict[str, Any]) -> str:
    named = [VERSION, PIECE, corpus.digest, corpus.encoding, corpus.start, corpus.end, made_with]
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:32]


def _build(corpus: Corpus, vocabulary: Vocabulary, dtype: np.dtype[Any], path: Path) -> None:
    part, journal = path.with_name(path.name + ".part"), path.with_name(path.name + ".journal")
    done, size = _done(part, journal)
    with open(part, "r+b" if size else "wb") as file:
        file.truncate(size)
        file.seek(size)
        number = 0
        for number, piece in enumerate(counted(corpus.pieces(), corpus.count, MADE), 1):
            if number > done:
                file.write(vocabulary.array(piece).astype(dtype).tobytes())
                if number % JOURNAL_EVERY == 0:
                    flush(file)
                    write(journal, json.dumps([number, file.tell()]).encode())
        flush(file)
    if number != corpus.count:
        raise UserError(f"{corpus.files[0]} became shorter while it was read")
    part.replace(path)
    journal.unlink(missing_ok=True)


def _done(part: Path, journal: Path) -> tuple[int, int]:
    """How many pieces a killed process had made into tokens, and the bytes they take; 0 where that is not certain."""
    try:
        pieces, size = json.loads(journal.read_bytes())
        return (pieces, size) if part.stat().st_size >= size else (0, 0)
    except (FileNotFoundError, ValueError):
        return 0, 0
