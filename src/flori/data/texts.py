"""Texts with a class each: folders ``CLASS/name.txt``, a file a class with a text a line, or a table of two columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from flori.core.errors import Fault, Faults, UserError, listing
from flori.data import reading
from flori.data.text_files import PARTS, by_part, is_meant, part_of, stem

ENDING = ".txt"
TABLES = (".tsv", ".csv", ".parquet")
CLASS_NAMES = {"label", "labels", "class", "target", "category", "sentiment", "y"}


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
    """Texts by class and part, and what was left out."""

    parts: dict[str, Texts]
    labels: list[str]
    skipped: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class _Example:
    part: str
    label: str
    text: str
    name: str


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
    return TextSet({part: texts for part, texts in parts.items() if len(texts)}, trained, faults.found)


def _part(examples: list[_Example], part: str, labels: list[str]) -> Texts:
    number = {label: i for i, label in enumerate(labels)}
    own = [example for example in examples if example.part == part]
    targets = torch.tensor([number[example.label] for example in own], dtype=torch.int64)
    return Texts([example.text for example in own], targets, [example.name for example in own])


def _examples(path: Path, target: str | None, text: str | None, encoding: str, faults: Faults) -> Iterator[_Example]:
    if not path.is_dir():
        yield from _of_table(path, "train", target, text, encoding, faults)
        return
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and is_meant(file.relative_to(path))]
    if any(file.name.lower().removesuffix(".gz").endswith(TABLES) for file in files):
        for part, tables in by_part(path, TABLES).items():
            for table in tables:
                yield from _of_table(table, part, target, text, encoding, faults)
    elif classes := _by_folder(path, files):
        for file, part, label in classes:
            yield from _of_file(file, part, label, encoding, faults)
    else:
        for file, label in _by_name(path, files):
            yield from _of_lines(file, part_of(stem(file)) or "train", label, encoding, faults)


def _by_folder(path: Path, files: list[Path]) -> list[tuple[Path, str, str]]:
    """Each text file that lies in the folder of its class, with part and class; none where any lies outside."""
    inside = [file for file in files if file.name.lower().removesuffix(".gz").endswith(ENDING)]
    found = [(file, [PARTS.get(step.lower()) for step in file.relative_to(path).parts[:-1]]) for file in inside]
    if not all(parts and parts[-1] is None for _, parts in found):
        return []
    return [(file, next((part for part in parts if part), "train"), file.parent.name) for file, parts in found]


def _by_name(path: Path, files: list[Path]) -> list[tuple[Path, str]]:
    """Files of a class each, ``pos.txt`` or ``reviews.pos``, with their class."""
    own = [file for file in files if file.parent == path]
    stems, endings = Counter(map(stem, own)), Counter(file.suffix for file in own)
    if len(own) < 2 or (len(stems) > 1 and len(endings) > 1):
        raise UserError(
            f"{path} holds no texts by class; expected {path.name}/CLASS/NAME.txt, {path.name}/train/CLASS/NAME.txt, "
            f"files of a class each (pos.txt and neg.txt), or a table (.tsv, .csv)"
        )
    return [(file, file.suffix[1:] if len(stems) == 1 else stem(file)) for file in own]


def _of_file(file: Path, part: str, label: str, encoding: str, faults: Faults) -> Iterator[_Example]:
    try:
        text = "".join(reading.characters(file, encoding)).strip()
    except UserError as problem:
        where, _, what = str(problem).partition(": ")
        faults.add(where, what)
        return
    if text:
        yield _Example(part, label, text, f"{label}/{file.name}")
    else:
        faults.add(file, "is empty")


def _of_lines(file: Path, part: str, label: str, encoding: str, faults: Faults) -> Iterator[_Example]:
    for number, line in reading.lines(file, faults, encoding):
        if line.strip():
            yield _Example(part, label, line.strip(), f"{file.name}:{number}")


def _of_table(
    path: Path, part: str, target: str | None, text: str | None, encoding: str, faults: Faults
) -> Iterator[_Example]:
    columns, rows = _cells(path, encoding, faults)
    label_at, text_at = _columns(path, columns, rows, target, text)
    for number, cells in rows:
        label, found = cells[label_at], cells[text_at]
        if label and found:
            yield _Example(part, label, found, f"{path.name}:{number}")
        else:
            faults.add(f"{path}, line {number}", f"has no {columns[text_at] if label else columns[label_at]}")


Row = tuple[int, list[str]]


def _cells(path: Path, encoding: str, faults: Faults) -> tuple[list[str], list[Row]]:
    """The names of the columns, and the rows with their numbers. In a .tsv a quotation mark is a character as others
    are, as in the sets that come so; texts hold too many that are never closed."""
    if not path.name.lower().removesuffix(".gz").endswith(".tsv"):
        from flori.data.cells import read_cells  # brings pandas

        table = read_cells(path, encoding, faults)
        rows = table.frame.fillna("").astype(str).to_numpy().tolist()
        return [*table.frame.columns], list(zip(table.lines, rows, strict=True))
    split = [
        (number, [cell.strip() for cell in line.split("\t")]) for number, line in reading.lines(path, faults, encoding)
    ]
    kept = [(number, cells) for number, cells in split if any(cells)]
    if len(kept) < 2:
        raise UserError(f"{path} holds no rows; a .tsv begins with the names of its columns")
    (_, columns), rows = kept[0], kept[1:]
    for number, cells in rows:
        if len(cells) != len(columns):
            faults.add(f"{path}, line {number}", f"has {len(cells)} cells where the first row has {len(columns)}")
    return columns, [(number, cells) for number, cells in rows if len(cells) == len(columns)]


def _columns(path: Path, columns: list[str], rows: list[Row], target: str | None, text: str | None) -> tuple[int, int]:
    """Which column is the class, and which the text."""
    for name in (target, text):
        if name is not None and name not in columns:
            raise UserError(f"{path} has no column {name!r}; it has {', '.join(columns)}")
    if len(columns) < 2:
        raise UserError(f"{path} has one column; a text and its class are two")
    lengths = [sum(len(cells[i]) for _, cells in rows) for i in range(len(columns))]
    if target is None:
        named = [i for i, name in enumerate(columns) if name.lower() in CLASS_NAMES]
        if not named and len(columns) > 2:
            raise UserError(f"{path}: say which column is the class with target=…; it has {', '.join(columns)}")
        target = columns[named[0] if named else lengths.index(min(lengths))]
    label_at = columns.index(target)
    if text is not None:
        return label_at, columns.index(text)
    return label_at, max((i for i in range(len(columns)) if i != label_at), key=lengths.__getitem__)
