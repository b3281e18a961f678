"""CIFAR-10's binary files: a byte for the class, then 32×32 pixels of red, of green and of blue, for each picture.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009. Read from the packed archive as it is
fetched, or from the files in it.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from flori.core.errors import UserError
from flori.data.examples import Pictures, PictureSet

RECORD, SIDE = 3073, 32
MOST_BYTES = 2**28  # of one file
FILES = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}


def unpacked(folder: Path) -> Path | None:
    """Where the files lie as they are, if they do: in the folder or in the archive's own folder within it."""
    places = (folder, folder / "cifar-10-batches-bin")
    return next((place for place in places if (place / "test_batch.bin").is_file()), None)


def read(source: Path, labels: list[str]) -> PictureSet:
    """The set in a folder of the six files, or in the archive. Raises UserError where it is not whole."""
    try:
        bodies = _from_folder(source) if source.is_dir() else _from_archive(source)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as problem:
        raise UserError(f"{source} cannot be read: {problem}; fetch it again") from None
    parts = {}
    for part, names in FILES.items():
        lacking = [name for name in names if name not in bodies]
        if lacking:
            raise UserError(f"{source} lacks {', '.join(lacking)}")
        parts[part] = _pictures(source, names, bodies, len(labels))
    return PictureSet(parts, labels)


def _from_folder(folder: Path) -> dict[str, bytes]:
    wanted = (folder / name for names in FILES.values() for name in names)
    return {path.name: path.read_bytes() for path in wanted if path.is_file()}


def _from_archive(path: Path) -> dict[str, bytes]:
    wanted = {name for names in FILES.values() for name in names}
    bodies = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if member.isfile() and name in wanted else None
            if file is not None:
                bodies[name] = file.read(MOST_BYTES)
    return bodies


def _pictures(source: Path, names: list[str], bodies: dict[str, bytes], classes: int) -> Pictures:
    for name in names:
        if not bodies[name] or len(bodies[name]) % RECORD:
            raise UserError(f"{source}: {name} has {len(bodies[name]):,} bytes, not {RECORD:,} for each picture")
    records = np.frombuffer(b"".join(bodies[name] for name in names), np.uint8).reshape(-1, RECORD)
    beyond = np.flatnonzero(records[:, 0] >= classes)
    if len(beyond):
        raise UserError(f"{source}: picture {beyond[0] + 1} has the class {records[beyond[0], 0]}; there are {classes}")
    images = torch.from_numpy(records[:, 1:].copy()).view(-1, 3, SIDE, SIDE)
    titles = [f"{name}:{i}" for name in names for i in range(len(bodies[name]) // RECORD)]
    return Pictures(images, torch.from_numpy(records[:, 0].astype(np.int64)), titles)
