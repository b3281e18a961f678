"""A text of several files, one after the other: its characters, how many there are, and a hash of it.

Of large ones that is found out once, by one process while others wait, and anew where a file changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from flori.core.errors import UserError
from flori.data import reading
from flori.data.cache import built_once, write
from flori.data.download import content_hash

LARGE = 1 << 24  # bytes: what is known of larger texts is kept
VERSION = 1  # of the way to look through a text: another one looks anew


def texts(files: tuple[Path, ...], encoding: str) -> Iterator[str]:
    """The files one after the other, each but the last ending with a line."""
    for file in files:
        last = ""
        for last in reading.characters(file, encoding):
            yield last
        if file != files[-1] and not last.endswith("\n"):
            yield "\n"


def surveyed(files: tuple[Path, ...], encoding: str) -> tuple[str, int]:
    """A hash of the content of all files, and the number of their characters. Raises UserError where one is empty or
    no text."""
    said = [(str(file.absolute()), *_said(file)) for file in files]
    if sum(size for _, size, *_ in said) < LARGE:
        return _looked_through(files, encoding)
    key = hashlib.sha256(json.dumps([VERSION, encoding, said]).encode()).hexdigest()[:32]
    with built_once(f"{key}.survey.json") as path:
        if not path.exists():
            write(path, json.dumps(_looked_through(files, encoding)).encode())
        digest, size = json.loads(path.read_bytes())
    return digest, size


def _said(file: Path) -> tuple[int, int, int]:
    """What tells that a file changed: its size, and when it was written. Raises UserError where it is not there."""
    try:
        found = file.stat()
    except OSError as problem:
        raise UserError(f"{file} cannot be read: {problem.strerror or problem}") from None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _looked_through(files: tuple[Path, ...], encoding: str) -> tuple[str, int]:
    for file in files:
        if next(reading.characters(file, encoding), "") == "":
            raise UserError(f"{file} is empty")
    size = sum(map(len, texts(files, encoding)))
    return hashlib.sha256("".join(map(content_hash, files)).encode()).hexdigest(), size
