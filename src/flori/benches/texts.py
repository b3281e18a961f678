"""Texts where no real ones are at hand: words of a made-up language, the n-th as frequent as 1/n (Zipf 1935)."""

from __future__ import annotations

from pathlib import Path

import torch

from flori.core import seeds

KINDS = 10_000  # of words
WORDS, LINE = 40_000, 12  # of a corpus, and of each of its lines
PAIRS, SHORTEST, LONGEST = 50_000, 3, 13  # the lengths of short sentences for learners
UNLIKE = 3  # words that a translation has more or less, at most


def corpus(folder: Path) -> Path:
    """A text file of `WORDS` words."""
    return _written(folder / "generated-text.txt", _sentences([LINE] * (WORDS // LINE), "corpus"))


def pairs(folder: Path) -> Path:
    """A file of `PAIRS` pairs: both sides are drawn, neither from the other, for time does not depend on meaning."""
    draw = seeds.generator(0, "lengths")
    sources = torch.randint(SHORTEST, LONGEST + 1, (PAIRS,), generator=draw)
    targets = sources + torch.randint(-UNLIKE, UNLIKE + 1, (PAIRS,), generator=draw)
    sides = (_sentences(sources.tolist(), "sources"), _sentences(targets.clamp(min=1).tolist(), "targets"))
    return _written(folder / "generated-pairs.tsv", ["\t".join(pair) for pair in zip(*sides, strict=True)])


def _sentences(lengths: list[int], purpose: str) -> list[str]:
    chances, draw = 1 / torch.arange(1, KINDS + 1), seeds.generator(0, purpose)
    words = torch.multinomial(chances, sum(lengths), replacement=True, generator=draw)
    return [" ".join(map(_word, sentence.tolist())) for sentence in words.split(lengths)]


def _word(number: int) -> str:
    """Three letters for a number below 26³."""
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))


def _written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
