"""A folder of picture files, on this machine or behind an address: what lies in it, and the files themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from flori.data.stores import Entry, Store

AT_ONCE = 16  # files fetched at a time
HEAD = 1 << 16  # bytes in which a picture says its size


class Kept(NamedTuple):
    """A picture as it is kept: its name, and its bytes; None for a file of that name on this machine."""

    name: str
    content: bytes | None

    @property
    def source(self) -> Path | bytes:
        """What is to be decoded."""
        return Path(self.name) if self.content is None else self.content


class Folder(Protocol):
    """A folder whose files are called by their paths within it."""

    def entries(self, inside: str = "") -> list[Entry]:
        """What lies in it or in a folder within, in order of name."""

    def shown(self, inside: str = "") -> str:
        """The path or address of what lies inside."""

    def picture(self, inside: str, head: bool = False) -> Path | bytes:
        """A file to be decoded; `head`: enough of it to tell its size."""

    def fetched(self, names: Sequence[str]) -> list[Kept]:
        """Files to be decoded, maybe by another process."""


@dataclass(frozen=True)
class Here:
    """A folder on this machine."""

    path: Path

    def entries(self, inside: str = "") -> list[Entry]:
        return [self._entry(child) for child in sorted(os.scandir(self.path / inside), key=lambda child: child.name)]

    def shown(self, inside: str = "") -> str:
        return str(self.path / inside)

    def picture(self, inside: str, head: bool = False) -> Path:
        return self.path / inside

    def fetched(self, names: Sequence[str]) -> list[Kept]:
        return [Kept(str(self.path / name), None) for name in names]

    def _entry(self, child: os.DirEntry[str]) -> Entry:
        try:
            said = child.stat()
            mark = f"{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns}"
            return Entry(child.name, child.is_dir(), mark, said.st_size)
        except OSError:  # a link that leads nowhere: looking at it says so
            return Entry(child.name, False, "", 0)


@dataclass(frozen=True)
class Elsewhere:
    """A folder behind an address."""

    store: Store

    def entries(self, inside: str = "") -> list[Entry]:
        return self.store.entries(inside)

    def shown(self, inside: str = "") -> str:
        return self.store.shown(inside)

    def picture(self, inside: str, head: bool = False) -> bytes:
        return self.store.read(inside, HEAD if head else None)

    def fetched(self, names: Sequence[str]) -> list[Kept]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            contents = list(pool.map(self.store.read, names))
        return [Kept(self.shown(name), content) for name, content in zip(names, contents, strict=True)]


def files(folder: Folder, inside: str) -> Iterator[tuple[str, Entry]]:
    """Everything below a folder, by its path from the outermost one, in order of the steps of these paths: what a
    link leads to is not gone into."""
    for entry in folder.entries(inside):
        below = f"{inside}/{entry.name}" if inside else entry.name
        yield below, entry
        if entry.is_folder and not (isinstance(folder, Here) and (folder.path / below).is_symlink()):
            yield from files(folder, below)
