"""Files and folders behind an address that fsspec knows: ``s3://…``, ``gs://…``, ``https://…``, ``zip://…::file://…``.

The network is used for nothing but the address that was given. What a store raises becomes one message that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flori.core.errors import UserError

PIECE = 1 << 22  # bytes read at once


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies in a folder. `mark` is all that the store says of it: its checksum, its size, when it was changed."""

    name: str
    is_folder: bool
    mark: str
    size: int


@dataclass(frozen=True)
class Store:
    """A file or folder by its address: the file system, and the path there."""

    address: str
    files: Any
    root: str

    @property
    def here(self) -> Path | None:
        """The path, where the address is one of this machine's own files."""
        return Path(self.root) if "file" in self.files.protocol else None

    def shown(self, inside: str = "") -> str:
        """The address of what lies inside."""
        first, chain, rest = self.address.partition("::")
        if not inside:
            return self.address
        return f"{first if first.endswith(('://', '/')) else first + '/'}{inside}{chain}{rest}"

    def path(self, inside: str = "") -> str:
        """The path of what lies inside, as the file system calls it."""
        return "/".join(step for step in (self.root.rstrip("/"), inside) if step)

    def itself(self) -> Entry:
        """The file or folder. Raises UserError where there is none."""
        with saying(self.address):
            return _entry(self.files.info(self.root))

    def entries(self, inside: str = "") -> list[Entry]:
        """What lies in a folder, in order of name."""
        path = self.path(inside)
        with saying(self.shown(inside)):
            found = [info for info in self.files.ls(path, detail=True) if info["name"].strip("/") != path.strip("/")]
        return sorted(map(_entry, found), key=lambda entry: entry.name)

    def walked(self, inside: str = "") -> Iterator[tuple[str, Entry]]:
        """Every file below a folder, with the path to it from here."""
        for entry in self.entries(inside):
            below = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_folder:
                yield from self.walked(below)
            else:
                yield below, entry

    def read(self, inside: str = "", most: int | None = None) -> bytes:
        """All bytes of a file, or the first so many."""
        with saying(self.shown(inside)):
            return bytes(self.files.cat_file(self.path(inside), end=most))

    def pieces(self, inside: str = "") -> Iterator[bytes]:
        """The bytes of a file, piece by piece."""
        with saying(self.shown(inside)), self.files.open(self.path(inside), "rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def opened(self, inside: str = "") -> IO[bytes]:
        """A file to read some of, from anywhere in it."""
        file: IO[bytes] = self.files.open(self.path(inside), "rb", cache_type="none")
        return file


def opened(address: str) -> Store:
    """What lies behind an address. Raises UserError where no package here knows the way."""
    from fsspec.core import url_to_fs

    with saying(address):
        files, root = url_to_fs(address)
        files.invalidate_cache()  # what changed since this process last looked
    return Store(address, files, str(root))


def of_path(path: Path) -> Store:
    """A file or folder on this machine, to be read as those elsewhere are."""
    from fsspec.implementations.local import LocalFileSystem

    return Store(str(path), LocalFileSystem(), str(path.absolute()))


@contextmanager
def saying(address: str) -> Iterator[None]:
    """What goes wrong within, as a UserError that names the address: each store has errors of its own."""
    try:
        yield
    except UserError:
        raise
    except ImportError as problem:
        raise UserError(
            f"{address}: a package is missing that reads such addresses: pip install 'flori[remote]' ({problem})"
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{address}: there is no such file or folder") from None
    except PermissionError as problem:
        raise UserError(f"{address}: may not be read, for want of credentials perhaps: {_said(problem)}") from None
    except ValueError as problem:
        unknown = re.fullmatch(r"Protocol not known: (\S+)", str(problem))
        what = f"no package here knows addresses that begin with {unknown[1]}" if unknown else _said(problem)
        raise UserError(f"{address} cannot be read: {what}") from None
    except Exception as problem:
        raise UserError(f"{address} cannot be read: {_said(problem)}") from None


def _said(problem: Exception) -> str:
    """What an error says, in one line."""
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}{': ' * bool(text)}{text}"


def _entry(info: dict[str, Any]) -> Entry:
    name = str(info["name"]).rstrip("/").rsplit("/", 1)[-1]
    mark = repr(sorted((key, str(said)) for key, said in info.items() if key != "name"))
    return Entry(name, info["type"] == "directory", mark, int(info.get("size") or 0))
