"""Texts with a class each: folders ``CLASS/name.txt``, a file a class with a text a line, or a table of two columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from flori.core.errors import Fault, Faults, UserError, listing
from flori.data import reading, text_tables
from flori.data.text_files import PARTS, by_part, ends, is_meant, part_of, stem

ENDINGS = (".txt",)
TABLES = (".tsv", ".csv", ".parquet")


@dataclass(frozen=True)
class Texts:
    """N texts, the class of each (int64 [N]), and where they come from."""

    texts: list[str]
    targets: Tensor
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: Tensor) -> Texts:
        numbers = index.tolist()
        return Texts([self.texts[i] for i in numbers], self.targets[index], [self.names[i] for i in numbers])


@dataclass(frozen=True)
class TextSet:
    """Texts by class and part, whether each is a whole file, and what was left out."""

    parts: dict[str, Texts]
    labels: list[str]
    whole: bool = False
    skipped: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class _Example:
    part: str
    label: str
    text: str
    name: str
    whole: bool = False


def read(
    path: Path, target: str | None = None, text: str | None = None, encoding: str = "utf-8", on_bad: str = "stop"
) -> TextSet:
    """All texts of a folder or table.

    Args:
        target, text: the columns of a table; None: found by their names and what is in them.
        on_bad: ``stop`` raises UserError listing all faults; ``skip`` leaves the bad ones out and lists them.
    """
    faults = Faults()
    examples = list(_examples(path, target, text, encoding, faults))
    if on_bad == "stop":
        faults.stop_if_any(str(path), "data.on_bad=skip leaves these out.")
    trained = sorted({example.label for example in examples if example.part == "train"})
    unseen = {example.label for example in examples} - set(trained)
    if len(trained) < 2:
        faults.add(path, f"has {len(trained)} class to train on; to tell classes apart takes at least two")
    elif unseen:
        faults.add(path, f"no training text of {', '.join(sorted(unseen))}, which another part has")
    if len(trained) < 2 or unseen:
        raise UserError(listing(faults.found, str(path)))
    parts = {part: _part(examples, part, trained) for part in ("train", "valid", "test")}
    whole = all(example.whole for example in examples)
    return TextSet({part: texts for part, texts in parts.items() if len(texts)}, trained, whole, faults.found)


def _part(examples: list[_Example], part: str, labels: list[str]) -> Texts:
    number = {label: i for i, label in enumerate(labels)}
    own = [example for example in examples if example.part == part]
    targets = torch.tensor([number[example.label] for example in own], dtype=torch.int64)
    return Texts([example.text for example in own], targets, [example.name for example in own])


def _examples(path: Path, target: str | None, text: str | None, encoding: str, faults: Faults) -> Iterator[_Example]:
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and is_meant(file.relative_to(path))]
    if path.is_file() or any(ends(file, TABLES) for file in files):
        for part, tables in by_part(path, TABLES).items():
            for table in tables:
                for label, found, name in text_tables.rows(table, target, text, encoding, faults):
                    yield _Example(part, label, found, name)
    elif classes := _by_folder(path, files, faults):
        for file, part, label in classes:
            yield from _of_file(file, part, label, encoding, faults)
    else:
        for file, label in _by_name(path, files):
            yield from _of_lines(file, part_of(stem(file)) or "train", label, encoding, faults)


def _by_folder(path: Path, files: list[Path], faults: Faults) -> list[tuple[Path, str, str]]:
    """Each text file that lies in the folder of its class, with part and class."""
    inside = [file for file in files if ends(file, ENDINGS)]
    above = {file: [PARTS.get(step.lower()) for step in file.relative_to(path).parts[:-1]] for file in inside}
    found = [file for file in inside if above[file] and above[file][-1] is None]
    for file in sorted(set(inside) - set(found)) if found else ():
        faults.add(file, "lies in no class folder")
    return [(file, next(filter(None, above[file]), "train"), file.parent.name) for file in found]


def _by_name(path: Path, files: list[Path]) -> list[tuple[Path, str]]:
    """Files of a class each, ``pos.txt`` or ``reviews.pos``, with their class."""
    own = [file for file in files if file.parent == path]
    stems, endings = {stem(file) for file in own}, {file.suffix for file in own}
    by_ending = len(endings) > 1 and (len(stems) == 1 or all(map(part_of, stems)))
    if len(own) < 2 or (len(endings) > 1 and not by_ending):
        raise UserError(
            f"{path} holds no texts by class; expected {path.name}/CLASS/NAME.txt, {path.name}/train/CLASS/NAME.txt, "
            f"files of a class each (pos.txt and neg.txt), or a table (.tsv, .csv)"
        )
    return [(file, file.suffix[1:] if by_ending else stem(file)) for file in own]


def _of_file(file: Path, part: str, label: str, encoding: str, faults: Faults) -> Iterator[_Example]:
    try:
        text = "".join(reading.characters(file, encoding)).strip()
    except UserError as problem:
        where, _, what = str(problem).partition(": ")
        faults.add(where, what)
        return
    if text:
        yield _Example(part, label, text, f"{label}/{file.name}", whole=True)
    else:
        faults.add(file, "is empty")


def _of_lines(file: Path, part: str, label: str, encoding: str, faults: Faults) -> Iterator[_Example]:
    for number, line in enumerate(reading.lines(file, faults, encoding), 1):
        if line and line.strip():
            yield _Example(part, label, line.strip(), f"{file.name}:{number}")
