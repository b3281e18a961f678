"""What a look at a folder of pictures found, in a file that all processes map: the folder is listed, and its pictures
are looked at, by one of them; and again only where a name, size or time differs.

A survey is known by the folder and by what was asked for. Workers of one launch on one machine take turns, so that the
first of them looks and the others find what it found, without listing the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from flori.core.errors import UserError
from flori.core.launch import launch
from flori.core.ranks import launched
from flori.data.cache import flush, made
from flori.data.shelves import Texts

VERSION = 1  # of the way to look: another one looks anew
ALIGNED = 64  # bytes that arrays begin at multiples of


@dataclass(frozen=True)
class Survey:
    """N good pictures by their paths; part and class as places in lists that are among the notes, int32 [N]; height
    and width int32 [N, 2], hashes uint8 [N, 16]. The notes are what JSON holds."""

    texts: Texts
    part: NDArray[np.int32]
    label: NDArray[np.int32]
    sizes: NDArray[np.int32]
    hashes: NDArray[np.uint8]
    notes: dict[str, Any]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name."""
        return {
            "letters": self.texts.letters,
            "ends": self.texts.ends,
            "part": self.part,
            "label": self.label,
            "sizes": self.sizes,
            "hashes": self.hashes,
        }

    @staticmethod
    def of(arrays: dict[str, NDArray[Any]], notes: dict[str, Any]) -> Survey:
        """From arrays by name."""
        columns = {name: array for name, array in arrays.items() if name not in ("letters", "ends")}
        return Survey(Texts(arrays["letters"], arrays["ends"]), **columns, notes=notes)


@dataclass(frozen=True)
class Slot:
    """Where the survey of a folder is kept."""

    path: Path

    @staticmethod
    def of(folder: str, *asked: Any) -> Slot:
        """That of a folder looked at with such wishes."""
        name = hashlib.sha256(json.dumps([VERSION, os.fspath(folder), *asked]).encode()).hexdigest()[:32]
        return Slot(made(f"{name}.pictures"))

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Within it no other worker of this launch is, on this machine; one process alone waits for nobody."""
        if launched().alone:
            yield
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_name(self.path.name + ".lock"))
            lock.acquire()
        except OSError as problem:
            hint = "XDG_CACHE_HOME names another folder, for what workers share"
            raise UserError(f"{self.path} could not be written: {problem.strerror or problem}; {hint}") from None
        try:
            yield
        finally:
            lock.release()

    def said(self, cache: str) -> dict[str, Any]:
        """What a worker of this launch with the same wish for a cache found before: ``held``, whether pictures are to
        be held in memory, and the ``key`` of the survey if not; {} where none did."""
        if _token() is None:
            return {}
        try:
            said: dict[str, Any] = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        return said if (said.get("launch"), said.get("cache")) == (_token(), cache) else {}

    def say(self, cache: str, held: bool, key: str) -> None:
        """Tell the other workers of this launch."""
        if _token() is not None:
            self._note.write_text(json.dumps({"launch": _token(), "cache": cache, "held": held, "key": key}))

    def found(self, key: str) -> Survey | None:
        """The survey of a folder that is as it was; None where it is not, or nobody looked at it."""
        try:
            arrays, notes = _mapped(self.path)
        except (OSError, ValueError, KeyError):
            return None
        return Survey.of(arrays, notes) if notes.get("key") == key else None

    def keep(self, survey: Survey) -> Survey:
        """The survey, mapped from its file; as it is where there is no place for one."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write(self.path, survey.arrays, survey.notes)
            return self.found(survey.notes["key"]) or survey
        except OSError:
            return survey

    @property
    def _note(self) -> Path:
        return self.path.with_name(self.path.name + ".launch")


def _token() -> str | None:
    """What the workers of one launch on one machine have in common; None for a process alone."""
    if launched().alone:
        return None
    attempt, port = (os.environ.get(name) for name in ("TORCHELASTIC_RESTART_COUNT", "MASTER_PORT"))
    return f"{launch()} {os.getppid()} {attempt} {port}"


def _write(path: Path, arrays: dict[str, NDArray[Any]], notes: dict[str, Any]) -> None:
    """A line of JSON, then the arrays; written aside, by whichever process, and renamed."""
    places: dict[str, tuple[int, str, list[int]]] = {}
    end = 0
    for name, array in arrays.items():
        places[name] = (end, array.dtype.name, list(array.shape))
        end += -(-array.nbytes // ALIGNED) * ALIGNED
    head = json.dumps({"arrays": places, "notes": notes}).encode()
    aside = path.with_name(f"{path.name}.{os.getpid()}.aside")
    with open(aside, "wb") as file:
        file.write(head + b" " * (-(len(head) + 1) % ALIGNED) + b"\n")
        start = file.tell()
        for name, array in arrays.items():
            file.seek(start + places[name][0])
            file.write(np.ascontiguousarray(array).data)
        file.truncate(start + end)
        flush(file)
    aside.replace(path)


def _mapped(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    with open(path, "rb") as file:
        head, start = json.loads(file.readline()), file.tell()
    whole = np.memmap(path, np.uint8, "r")
    arrays = {}
    for name, (place, kind, shape) in head["arrays"].items():
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        arrays[name] = whole[start + place : start + place + size].view(kind).reshape(shape)
    return arrays, head["notes"]
