"""Checkpoints: ``checkpoints/step-NNNNNNNN/`` with tensors, counters, and a manifest of hashes.

A checkpoint is written aside and renamed when it is whole. The newest whole one counts; one that was cut
short or altered is noticed by its hashes, and the one before it is taken. The tensors of one process are in one file;
those of several ranks in a file each, which any number of ranks can read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import safetensors
import safetensors.torch
from torch import Tensor

from flori.artifacts.sharded import Like, read_together, whole, write_together
from flori.artifacts.writing import folder_aside, put, saying_why
from flori.core.lost import is_lost
from flori.core.ranks import ALONE, Ranks

KEPT = 2
TENSORS, NUMBERS, MANIFEST = "state.safetensors", "state.json", "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors and the counters of a state."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


class Saver:
    """Writes the checkpoints of a run while it trains on, one at a time: as all was when it was asked to. A rank that
    does not answer within the timeout, in seconds, counts as lost."""

    def __init__(self, folder: Path, ranks: Ranks = ALONE, timeout: float = 60.0) -> None:
        self.folder, self.ranks = folder, ranks.aside(timeout)
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._written: Future[Path] | None = None

    def save(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Begin to write, once what was begun before is written. Of several ranks all have to ask."""
        self.wait()
        self._written = self._thread.submit(_written(self.folder, tensors, numbers, self.ranks))

    def wait(self) -> None:
        """Until all is written. Raises UserError if it could not be."""
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def look(self) -> None:
        """Raise UserError if what was begun has failed by now."""
        if self.ranks.alone and self._written is not None and self._written.done():
            self.wait()

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        """What was begun is written, unless the ranks are lost with which it would be."""
        if problem is None:
            self.wait()
        elif self._written is not None and not is_lost(problem):
            wait([self._written])


def save(folder: Path, tensors: dict[str, Tensor], numbers: dict[str, Any], ranks: Ranks = ALONE) -> Path:
    """Write the checkpoint of ``numbers["step"]`` into `folder` and remove all but the newest two. Several ranks write
    their tensors side by side; the first one makes the checkpoint of them."""
    return _written(folder, tensors, numbers, ranks)()


def _written(folder: Path, tensors: dict[str, Tensor], numbers: dict[str, Any], ranks: Ranks) -> Callable[[], Path]:
    """What writes a checkpoint whenever it is called, with all in it as it is now."""
    final, said = folder / f"step-{numbers['step']:08d}", json.dumps(numbers).encode()
    if ranks.alone:
        return partial(_save, final, {TENSORS: safetensors.torch.save(tensors), NUMBERS: said})
    return partial(_save_together, final, {name: t.to("cpu", copy=True) for name, t in tensors.items()}, said, ranks)


def _save(final: Path, files: dict[str, bytes]) -> Path:
    manifest = {name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()} for name, body in files.items()}
    with folder_aside(final) as aside:
        for name, body in files.items():
            put(aside / name, body)
        put(aside / MANIFEST, json.dumps(manifest, indent=2))
    _remove_old(final.parent)
    return final


def _save_together(final: Path, tensors: dict[str, Tensor], numbers: bytes, ranks: Ranks) -> Path:
    with saying_why(final), folder_aside(final, uuid4().hex) if ranks.first else nullcontext(final) as aside:
        aside = final.with_name(ranks.gathered(aside.name)[0])
        write_together(aside, tensors, ranks)
        if ranks.first:
            put(aside / NUMBERS, numbers)
            manifest = {path.name: _entry(path) for path in sorted(aside.iterdir())}
            put(aside / MANIFEST, json.dumps(manifest, indent=2))
    if ranks.first:
        _remove_old(final.parent)
    return final


def _remove_old(folder: Path) -> None:
    for old in _all(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def load_newest(folder: Path, ranks: Ranks = ALONE, like: Like = whole) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, or None where there is none, and a remark on each damaged one passed over. Of
    several ranks the first says which, and each reads what is to be `like`."""
    name, remarks = ranks.decided(lambda: _newest(folder))
    return (None if name is None else _load(folder / name, ranks, like)), remarks


def _newest(folder: Path) -> tuple[str | None, list[str]]:
    remarks: list[str] = []
    for path in reversed(_all(folder)):
        try:
            _check(path)
            return path.name, remarks
        except (OSError, ValueError, KeyError, safetensors.SafetensorError) as problem:
            remarks.append(f"{path} is damaged ({problem}); the one before it is used")
    return None, remarks


def _check(path: Path) -> None:
    """Raises ValueError unless each file is as the manifest says."""
    manifest = json.loads((path / MANIFEST).read_bytes())
    if NUMBERS not in manifest or len(manifest) < 2:
        raise ValueError("its manifest does not name all files")
    for name, said in manifest.items():
        if _entry(path / name)["sha256"] != said["sha256"]:
            raise ValueError(f"{name} does not have the hash in its manifest")


def _load(path: Path, ranks: Ranks, like: Like) -> Checkpoint:
    numbers = json.loads((path / NUMBERS).read_bytes())
    if ranks.alone and (path / TENSORS).exists():
        return Checkpoint(safetensors.torch.load((path / TENSORS).read_bytes()), numbers)
    return Checkpoint(read_together(path, ranks, like), numbers)


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def _entry(path: Path) -> dict[str, Any]:
    """A file in the manifest."""
    with open(path, "rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
