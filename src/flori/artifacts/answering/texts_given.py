"""Texts as users give them: as they are, or as the lines of a text file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flori.core.errors import Faults, UserError
from flori.core.paths import path_of
from flori.data import reading

ENDING = ".txt"


def texts(inputs: Sequence[str | Path], encoding: str = "utf-8") -> list[str]:
    """Every text: an input that names a .txt file which is there stands for its lines that are not empty.

    Raises UserError for a file that cannot be read as text.
    """
    found = []
    for given in inputs:
        path = path_of(given) if str(given).endswith(ENDING) else None
        if path is None:
            found.append(str(given))
        elif not path.is_file():
            raise UserError(f"{path}: no such file; a text to predict from is given in quotes, or as a file {ENDING}")
        else:
            faults = Faults()
            found += [line for _, line in reading.lines(path, faults, encoding) if line.strip()]
            faults.stop_if_any(str(path))
    return found
