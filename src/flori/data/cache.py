"""Files in the user's cache folder that are built once: by one process, while others wait, whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock

from flori.core.errors import UserError


def made(name: str) -> Path:
    """Where a file of made things is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "flori" / "made" / name


@contextmanager
def built_once(name: str) -> Iterator[Path]:
    """The path of a file of made things, for one process at a time; whoever finds it not there makes it.

    Raises UserError where it cannot be written.
    """
    path = made(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            yield path
    except OSError as problem:
        raise UserError(
            f"{path} could not be written: {problem.strerror or problem}\n"
            "What is made of data once, or fetched, is kept there; XDG_CACHE_HOME names another folder for it."
        ) from None


def write(path: Path, content: bytes) -> None:
    """A file written aside, flushed to the disk and renamed."""
    aside = path.with_name(f"{path.name}.aside")
    with open(aside, "wb") as file:
        file.write(content)
        flush(file)
    aside.replace(path)


def flush(file: IO[bytes]) -> None:
    """Have the disk hold what was written."""
    file.flush()
    os.fsync(file.fileno())
