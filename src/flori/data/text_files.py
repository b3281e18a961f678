"""Which files of a folder are text to learn from, and of which part: by their names."""

from __future__ import annotations

import re
from pathlib import Path

from flori.core.errors import UserError

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    "test": "test",
}
BESIDE = {"readme", "license", "licence", "copying", "notice", "changelog", "about"}  # what lies with data


def by_part(path: Path, endings: tuple[str, ...]) -> dict[str, list[Path]]:
    """The files with such endings, with or without .gz, by part; a file as it is is ``train``.

    The part is in the name, as in ``train.txt``, ``wiki.valid.txt`` or ``test/1.txt``; what is not named is ``train``.
    Raises UserError where there is nothing to train on, or files that are named ``train`` beside some without a part.
    """
    if not path.is_dir():
        return {"train": [path]}
    found = (file for file in sorted(path.rglob("*")) if file.is_file() and ends(file, endings))
    files = [file for file in found if is_meant(file.relative_to(path))]
    if not files:
        raise UserError(f"{path} holds no file that ends in {' or '.join(endings)}")
    named = {file: _part(file.relative_to(path)) for file in files}
    _check(path, named)
    parts = {file: part or "train" for file, part in named.items()}
    there = [part for part in ("train", "valid", "test") if part in parts.values()]
    return {part: [file for file in files if parts[file] == part] for part in there}


def is_meant(relative: Path) -> bool:
    """Whether a file within a folder of data is data: not hidden, and none of those that tell about it."""
    return not (relative.name.split(".")[0].lower() in BESIDE or any(step[0] in "._" for step in relative.parts))


def part_of(name: str) -> str | None:
    """The part that a name speaks of at its beginning or end."""
    found = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    return next((PARTS[word] for word in (*found[:1], *found[-1:]) if word in PARTS), None)


def stem(path: Path) -> str:
    """The name of a file without its endings."""
    return Path(path.name.removesuffix(".gz")).stem


def ends(file: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file's name ends so, with or without .gz."""
    return file.name.lower().removesuffix(".gz").endswith(endings)


def _part(relative: Path) -> str | None:
    above = [PARTS.get(step.lower()) for step in relative.parts[:-1]]
    return next((part for part in above if part), None) or part_of(stem(relative))


def _check(path: Path, named: dict[Path, str | None]) -> None:
    nameless = [file for file, part in named.items() if part is None]
    if "train" in named.values() and nameless:
        raise UserError(f"{nameless[0]}: its name says neither train, valid nor test, as others in {path} do; move it")
    if "train" not in named.values() and not nameless:
        first, *_ = named
        found = ", ".join(file.name for file in named)
        raise UserError(f"{path} has {found} but nothing to train on; to learn from one of them: data={first}")
