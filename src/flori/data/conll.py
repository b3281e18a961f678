"""Sentences with a tag for each word, in the manner of CoNLL: a word and its tag on each line, blank lines between.

Tags are those of IOB2 (Ramshaw and Marcus 1995; Tjong Kim Sang and Veenstra 1999): ``B-TYPE`` begins a span, ``I-TYPE``
goes on with it, ``O`` is outside. A file of IOB1, where ``I-TYPE`` begins too unless a span of its type ends just
before, is read as what it means in IOB2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from flori.core.errors import Fault, Faults, UserError, listing
from flori.data.reading import lines
from flori.data.text_files import by_part

ENDINGS = (".conll", ".iob", ".iob2", ".bio", ".txt", ".tsv")
TAG = re.compile(r"O|[BI]-\S+")
DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True)
class Sentences:
    """N sentences: words, a tag for each, and the file and line that each begins on."""

    words: list[list[str]]
    tags: list[list[str]]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: Tensor) -> Sentences:
        numbers = index.tolist()
        return Sentences(
            [self.words[i] for i in numbers], [self.tags[i] for i in numbers], [self.names[i] for i in numbers]
        )


@dataclass(frozen=True)
class TaggedSet:
    """Sentences by part, all tags that occur (``O`` first), and what was left out."""

    parts: dict[str, Sentences]
    labels: list[str]
    skipped: list[Fault] = field(default_factory=list)


@dataclass
class _Sentence:
    lines: list[int]
    words: list[str]
    tags: list[str]
    good: bool = True


def read(path: Path, encoding: str = "utf-8", on_bad: str = "stop") -> TaggedSet:
    """The sentences of a file, or of a folder of them with their parts. The word is the first column, the tag the last.

    Args:
        on_bad: ``stop`` raises UserError listing all faults; ``skip`` leaves out the sentences and lists the faults.
    """
    faults = Faults()
    parts = {
        part: _good([(file, _read_file(file, encoding, faults)) for file in files])
        for part, files in by_part(path, ENDINGS).items()
    }
    if on_bad == "stop":
        faults.stop_if_any(str(path), "data.on_bad=skip leaves these sentences out.")
    for part, sentences in parts.items():
        if not len(sentences):
            raise UserError(listing([*faults.found, Fault(str(path), f"holds no good {part} sentence")], str(path)))
    found = {tag for sentences in parts.values() for tags in sentences.tags for tag in tags}
    types = sorted({tag[2:] for tag in found - {"O"}})
    if not types:
        raise UserError(f"{path}: every word is tagged O; there is nothing to learn")
    return TaggedSet(parts, ["O", *(f"{begin}-{name}" for name in types for begin in "BI")], faults.found)


def _good(files: list[tuple[Path, list[_Sentence]]]) -> Sentences:
    good = [(file, sentence) for file, sentences in files for sentence in sentences if sentence.good]
    names = [f"{file.name}:{sentence.lines[0]}" for file, sentence in good]
    return Sentences([one.words for _, one in good], [one.tags for _, one in good], names)


def _read_file(path: Path, encoding: str, faults: Faults) -> list[_Sentence]:
    before = len(faults.found)
    sentences = list(_sentences(path, lines(path, faults, encoding), faults))
    if not sentences and len(faults.found) == before:
        faults.add(path, "holds no sentence")
    if all(map(_is_iob1, sentences)):
        for sentence in sentences:
            sentence.tags = _as_iob2(sentence.tags)
    for sentence in sentences:
        _check_order(path, sentence, faults)
    return sentences


def _sentences(path: Path, found: list[str | None], faults: Faults) -> Iterator[_Sentence]:
    """Words and tags between blank lines; a line that could not be read spoils its sentence."""
    sentence = _Sentence([], [], [])
    for number, line in enumerate([*found, ""], 1):
        if line is None:
            sentence.good = False
            continue
        columns = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
        if not any(columns) or columns[0] == DOCUMENT:
            if sentence.lines:
                yield sentence
            sentence = _Sentence([], [], [])
            continue
        fault = _fault(columns)
        if fault:
            faults.add(f"{path}, line {number}", fault, "each line has a word and its tag, a tab between")
        sentence.good &= not fault
        sentence.lines.append(number)
        sentence.words.append(columns[0])
        sentence.tags.append(columns[-1])


def _fault(columns: list[str]) -> str:
    if len(columns) < 2:
        return f"{columns[0][:40]!r} has no tag"
    if not columns[0]:
        return "has no word before the tag"
    if not TAG.fullmatch(columns[-1]):
        return f"the tag {columns[-1][:40]!r} is none of O, B-TYPE and I-TYPE"
    return ""


def _is_iob1(sentence: _Sentence) -> bool:
    """Whether the tags mean something in IOB1: there a span begins with B only after another of its type."""
    pairs = zip(["O", *sentence.tags], sentence.tags, strict=False)
    return not sentence.good or all(tag[0] != "B" or before[2:] == tag[2:] for before, tag in pairs)


def _as_iob2(tags: list[str]) -> list[str]:
    pairs = zip(["O", *tags], tags, strict=False)
    return [f"B{tag[1:]}" if tag[0] == "I" and before[2:] != tag[2:] else tag for before, tag in pairs]


def _check_order(path: Path, sentence: _Sentence, faults: Faults) -> None:
    if not sentence.good:
        return
    for number, before, tag in zip(sentence.lines, ["O", *sentence.tags], sentence.tags, strict=False):
        if tag[0] == "I" and before[2:] != tag[2:]:
            faults.add(f"{path}, line {number}", f"{tag} goes on with nothing: before it stands {before}")
            sentence.good = False
