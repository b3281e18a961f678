"""Small texts of every kind, generated: what they hold can be learnt in a few seconds."""

from __future__ import annotations

import random
from pathlib import Path

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
NAMES = ["Ann", "Bob", "Cleo", "Dan", "Eve"]
TOWNS = ["Bonn", "Cork", "Lyon", "Oslo", "Pisa"]
SETTINGS = {
    "Corpus": {"steps": 60, "batch": 8, "data.window": 16, "data.tokens": "char"},
    "Pairs": {"steps": 60, "batch": 32, "data.least": 1, "data.test": 0.1},
    "Texts": {"steps": 60, "batch": 16},
    "Sentences": {"steps": 60, "batch": 16},
}
INPUTS = {
    "Corpus": ["one", "two", "three four", "o", "nine eight"],
    "Pairs": ["1 2", "3", "4 5 6", "7 7 7", "9"],
    "Texts": ["a good film", "a bad film", "good", "bad bad", "film"],
    "Sentences": ["Ann goes to Bonn", "Bob stays", "Eve saw Oslo, then Pisa.", "Lyon", "they left"],
}


def written(kind: str, folder: Path) -> Path:
    """A file or folder of a kind, by the name of its class of options."""
    return {"Corpus": _corpus, "Pairs": _pairs, "Texts": _texts, "Sentences": _sentences}[kind](
        folder, random.Random(0)
    )


def _corpus(folder: Path, draw: random.Random) -> Path:
    lines = (" ".join(DIGITS[(first + i) % 10] for i in range(7)) for first in (draw.randrange(10) for _ in range(200)))
    return _put(folder / "counting.txt", "\n".join(lines) + "\n")


def _pairs(folder: Path, draw: random.Random) -> Path:
    numbers = ([draw.randrange(10) for _ in range(draw.randrange(1, 6))] for _ in range(400))
    lines = (f"{' '.join(map(str, row))}\t{' '.join(DIGITS[i] for i in row)}\tignored" for row in numbers)
    return _put(folder / "digits.tsv", "\n".join(dict.fromkeys(lines)) + "\n")


def _texts(folder: Path, draw: random.Random) -> Path:
    for label in ("good", "bad"):
        rows = ("a " * draw.randrange(1, 6) + label + " film" * draw.randrange(1, 4) for _ in range(60))
        _put(folder / "reviews" / f"{label}.txt", "\n".join(rows) + "\n")
    return folder / "reviews"


def _sentences(folder: Path, draw: random.Random) -> Path:
    rows = (
        f"{draw.choice(NAMES)}\tB-person\ngoes\tO\nto\tO\n{draw.choice(TOWNS)}\tB-place\n"
        + "now\tO\n" * draw.randrange(3)
        for _ in range(150)
    )
    return _put(folder / "names.conll", "\n".join(rows))


def _put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
