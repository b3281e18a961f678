"""What an address leads to, as a file or folder on this machine: fetched once, and anew where it changed.

Each file is written aside and renamed, by one process while others wait; `.marks` beside it tells what the store said
of it. Who has the old one open, as a file mapped into memory, keeps it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from flori.core.errors import UserError
from flori.core.paths import is_address, path_of
from flori.data import stores
from flori.data.cache import built_once, flush, write
from flori.data.progress import counted
from flori.data.stores import Store

AT_ONCE = 16  # files of a folder, whose time is spent waiting


def local(text: str | Path) -> Path:
    """The path of what is named: as it is, or fetched to where it is kept. Raises UserError where that fails."""
    if not is_address(text):
        return path_of(text)
    store = stores.opened(str(text))
    itself = store.itself()
    if store.here is not None:
        return store.here
    with built_once(f"fetched/{_key(store.address)}/{_name(store.address)}") as path:
        if itself.is_folder:
            _folder(store, path)
        elif not path.is_file() or _marks(path) != {"": itself.mark}:
            _file(store, "", path, itself.size, tells=True)
            write(_beside(path), json.dumps({"": itself.mark}).encode())
    return path


@contextmanager
def spoken(source: str) -> Iterator[None]:
    """Messages within name the address, and not where what it leads to is kept."""
    try:
        yield
    except UserError as problem:
        raise UserError(shown(str(problem), source)) from None


def shown(text: str, source: str) -> str:
    """A text with an address in place of the path where what it leads to is kept."""
    if not is_address(source):
        return text
    kept = re.compile(rf"\S*/fetched/{_key(source)}/{re.escape(_name(source))}(/[^\s,:]+)?")
    return kept.sub(lambda found: Store(source, None, "").shown((found[1] or "").lstrip("/")), text)


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _name(address: str) -> str:
    """What the last step of an address is called, for a file to be known by its ending."""
    first = address.partition("::")[0]
    path = urlsplit(first).path if first.startswith("http") else first.partition("://")[2]
    return re.sub(r"[^\w.-]", "_", PurePosixPath(path).name) or "data"


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".marks")


def _marks(path: Path) -> dict[str, str]:
    """What the store said of each file when it was fetched."""
    try:
        found: dict[str, str] = json.loads(_beside(path).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _file(store: Store, inside: str, path: Path, size: int, tells: bool = False) -> None:
    aside = path.with_name(path.name + ".aside")
    pieces = store.pieces(inside)
    with open(aside, "wb") as file:
        for piece in counted(pieces, -(-size // stores.PIECE), f"pieces of {path.name} fetched") if tells else pieces:
            file.write(piece)
        flush(file)
        if size and file.tell() < size:
            raise UserError(f"{store.shown(inside)}: the connection ended after {file.tell():,} of {size:,} bytes")
    aside.replace(path)


def _folder(store: Store, path: Path) -> None:
    """A folder as it is there: what is new or changed is fetched, what is gone is removed."""
    there = dict(store.walked())
    known = _marks(path)
    lacking = [name for name, entry in there.items() if known.get(name) != entry.mark or not (path / name).is_file()]
    for name in lacking:
        if name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise UserError(f"{store.shown(name)}: a name that leads out of its folder is not fetched")
        (path / name).parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda name: _file(store, name, path / name, there[name].size), lacking)
        for _ in counted(done, len(lacking), f"files of {store.address} fetched"):
            pass
    for name in known.keys() - there.keys():
        (path / name).unlink(missing_ok=True)
    write(_beside(path), json.dumps({name: entry.mark for name, entry in there.items()}).encode())
