"""flori data on text: what kind it is, how much of it there is, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from flori.core.recipe import Data

TEXT, TAGGED = (".txt", ".text", ".tokens"), (".conll", ".iob", ".iob2", ".bio")
LOOKED_AT = 20  # lines that tell pairs from other text
SHOWN = 8  # lines in a description


def described(path: Path, options: Data) -> dict[str, Any] | None:
    """What a file or folder of text holds, as a document with a table; None for what is no text by its name.

    Raises UserError where it cannot be read at all.
    """
    endings = {_ending(file) for file in _files(path)}
    if not endings & {*TEXT, *TAGGED, ".pos", ".neg"}:
        return None
    if endings & {*TAGGED}:
        return _tagged(path, options)
    if path.is_dir() and (endings & {".pos", ".neg"} or _by_class(path)):
        return _texts(path, options)
    first = next(file for file in _files(path) if _ending(file) in TEXT)
    return _pairs(path, options) if _has_tabs(first, options.encoding) else _corpus(path, options)


def _files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []
    from flori.data.text_files import is_meant

    return [file for file in found if file.is_file() and (file == path or is_meant(file.relative_to(path)))]


def _ending(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _by_class(path: Path) -> bool:
    from flori.data.text_files import PARTS

    return any(file.parent != path and file.parent.name.lower() not in PARTS for file in _files(path))


def _has_tabs(path: Path, encoding: str) -> bool:
    from flori.data.reading import characters

    lines = next(characters(path, encoding), "").split("\n")[:LOOKED_AT]
    return any(lines) and all("\t" in line for line in lines if line.strip())


def _corpus(path: Path, options: Data) -> dict[str, Any]:
    from flori.data import corpora

    parts = corpora.read(path, options.encoding)
    counts: Counter[str] = Counter()
    lines = 0
    for piece in parts["train"].pieces():
        counts.update(piece)
        lines += piece.count("\n")
    sizes = {part: len(text) for part, text in parts.items()}
    rare = sum(count < 5 for count in counts.values())
    notes = [f"{lines:,} lines and {len(counts)} different characters to learn from, {rare} of them less than 5 times"]
    return {"kind": "text", "unit": "characters", "examples": sizes, "notes": notes, "head": [], "rows": []}


def _pairs(path: Path, options: Data) -> dict[str, Any]:
    from flori.data import pairs

    raw = pairs.read(path, options.encoding, "skip")
    train = raw.parts["train"]
    rows = [
        [str(place), *pair]
        for place, *pair in islice(zip(train.names, train.sources, train.targets, strict=True), SHOWN)
    ]
    sizes = {part: len(found) for part, found in raw.parts.items()}
    several = len(train) - len(set(train.sources))
    notes = [f"{several:,} sources stand there more than once, with other translations"] if several else []
    found = {"unit": "pairs", "examples": sizes, "notes": notes, "head": ["place", "source", "target"], "rows": rows}
    return {"kind": "pairs", **found, "faults": [str(fault) for fault in raw.skipped]}


def _tagged(path: Path, options: Data) -> dict[str, Any]:
    from flori.data import conll
    from flori.prediction.tagging import spans

    raw = conll.read(path, options.encoding, "skip")
    counts = {
        part: Counter(span.label for tags in sentences.tags for span in spans(tags))
        for part, sentences in raw.parts.items()
    }
    labels = sorted({label for found in counts.values() for label in found})
    rows = [[label, *(f"{found[label]:,}" for found in counts.values())] for label in labels]
    sizes = {part: len(sentences) for part, sentences in raw.parts.items()}
    found = {"unit": "sentences", "examples": sizes, "notes": [], "head": ["spans", *counts], "rows": rows}
    return {"kind": "tagged", **found, "faults": [str(fault) for fault in raw.skipped]}


def _texts(path: Path, options: Data) -> dict[str, Any]:
    from flori.data import texts

    raw = texts.read(path, options.target, None, options.encoding, "skip")
    counts = {part: found.targets.bincount(minlength=len(raw.labels)).tolist() for part, found in raw.parts.items()}
    rows = [[label, *(f"{found[i]:,}" for found in counts.values())] for i, label in enumerate(raw.labels)]
    sizes = {part: len(found) for part, found in raw.parts.items()}
    found = {"unit": "texts", "examples": sizes, "notes": [], "head": ["class", *counts], "rows": rows}
    return {"kind": "texts", **found, "faults": [str(fault) for fault in raw.skipped]}
