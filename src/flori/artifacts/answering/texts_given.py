"""Texts as users give them: as they are, or as the lines of a text file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from flori.core.errors import Faults, UserError
from flori.core.paths import path_of
from flori.data import reading
from flori.data.fetching import local

ENDING = ".txt"
REMEDY = "save it as UTF-8"
GIVEN = f"a text to predict from is given in quotes, or as a file {ENDING}"


def texts(inputs: Sequence[str | Path], whole: bool = False) -> list[str]:
    """Every text: an input that names a .txt file stands for its lines that are not empty, or `whole` for all of it.

    Raises UserError for a file that is not there or is no such text, and for a folder, which nobody means as a text.
    """
    found: list[str] = []
    for given in map(str, inputs):
        path = local(given) if given.endswith(ENDING) else path_of(given)
        if given.endswith(ENDING):
            lines = _lines(path)
            found += ["\n".join(lines)] if whole else lines
        elif path.suffix and _is(path, Path.is_file):
            raise UserError(f"{path} is a file; texts are read from files that end in {ENDING}")
        elif any(map(str.isalnum, given)) and _is(path, Path.is_dir):
            raise UserError(f"{given} is a folder; {GIVEN}")
        else:
            _must_be_text(given)
            found.append(given)
    return found


def _lines(path: Path) -> list[str]:
    if not _is(path, Path.is_file):
        what = "is a folder" if _is(path, Path.is_dir) else "no such file"
        raise UserError(f"{path}: {what}; {GIVEN}")
    faults = Faults()
    found = [line for line in reading.lines(path, faults) if line and line.strip()]
    faults.found = [replace(fault, remedy=REMEDY) if fault.remedy else fault for fault in faults.found]
    faults.stop_if_any(str(path))
    if not found:
        raise UserError(f"{path} holds no text")
    return found


def _is(path: Path, asked: Callable[[Path], bool]) -> bool:
    try:
        return asked(path)
    except OSError:  # a text may be longer than any name
        return False


def _must_be_text(given: str) -> None:
    """Words of a command line that are no text come with their bytes as lone surrogates."""
    try:
        given.encode()
    except UnicodeEncodeError:
        raise UserError(f"{given!r} is not utf-8 text") from None
