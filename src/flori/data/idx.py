"""IDX files, the format of MNIST: a magic number, the sizes, then the bytes. Plain or gzip.

Format: two zero bytes, a type byte (8: unsigned byte), the number of dimensions, each size as a big-endian
32-bit number, then the values (http://yann.lecun.com/exdb/mnist).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import torch

from flori.core.errors import Fault, UserError
from flori.data.examples import Pictures, PictureSet

MOST_BYTES = 4 * 2**30
PIECE = 2**24
STEMS = {"train": "train", "valid": "valid", "test": "t10k"}


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The array in an IDX file of unsigned bytes, with `dimensions` sizes. Raises UserError saying what is wrong."""

    def refuse(what: str, remedy: str = "") -> UserError:
        return UserError(str(Fault(str(path), what, remedy)))

    try:
        with open(path, "rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            header = file.read(4 + 4 * dimensions)
            sizes = _sizes(header, dimensions, refuse)
            expected = math.prod(sizes)
            if expected > MOST_BYTES:
                raise refuse(f"its header announces {expected:,} bytes; more than {MOST_BYTES:,} are not read")
            body = _read(file, expected + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise refuse(f"cannot be read: {problem}", "the file may be cut short; fetch it again") from None
    if len(body) != expected:
        found = f"only {len(body):,}" if len(body) < expected else "more"
        raise refuse(f"its header announces {expected:,} bytes of data, the file holds {found}")
    return np.frombuffer(body, np.uint8).reshape(sizes)


def _read(file: IO[bytes] | gzip.GzipFile, count: int) -> bytes:
    """At most `count` bytes, piece by piece: memory is taken for what is there, not for what is announced."""
    pieces = []
    while count and (piece := file.read(min(count, PIECE))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _sizes(header: bytes, dimensions: int, refuse) -> tuple[int, ...]:  # type: ignore[no-untyped-def]
    if len(header) < 4:
        raise refuse("is too short for an IDX file")
    zeros, kind, found = struct.unpack(">HBB", header[:4])
    if zeros != 0:
        raise refuse(f"is not an IDX file: its magic number is 0x{header[:4].hex()}")
    if kind != 8:
        raise refuse(f"holds values of type 0x{kind:02x}; only unsigned bytes (0x08) are read")
    if found != dimensions:
        raise refuse(f"has {found} dimensions where {dimensions} are expected")
    if len(header) < 4 + 4 * dimensions:
        raise refuse("ends within its header")
    return struct.unpack(f">{dimensions}I", header[4:])


def find(folder: Path, stem: str, what: str) -> Path | None:
    """The images (idx3) or labels (idx1) file of a part in a folder, with or without .gz, '-' or '.' spelt."""
    number = {"images": 3, "labels": 1}[what]
    for name in (f"{stem}-{what}-idx{number}-ubyte", f"{stem}-{what}.idx{number}-ubyte"):
        for suffix in ("", ".gz"):
            if (folder / (name + suffix)).is_file():
                return folder / (name + suffix)
    return None


def holds_idx(folder: Path) -> bool:
    """Whether a folder holds any images file of the names that `find` knows."""
    return any(find(folder, stem, "images") or find(folder, stem, "labels") for stem in STEMS.values())


def read_pair(images: Path, labels: Path) -> Pictures:
    """An images file with its labels file. Raises UserError where they do not fit together."""
    pictures, classes = read_idx(images, 3), read_idx(labels, 1)
    if len(pictures) != len(classes):
        raise UserError(f"{images} holds {len(pictures):,} pictures, but {labels} {len(classes):,} labels")
    if pictures.size == 0:
        raise UserError(f"{images} holds no pictures")
    names = [f"{images.name}:{i}" for i in range(len(pictures))]
    return Pictures(_tensor(pictures)[:, None], _tensor(classes).long(), names)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy())


def read_folder(folder: Path, labels: list[str] | None = None) -> PictureSet:
    """A folder of IDX files in MNIST's names (train-…, t10k-…; valid-… where there is one).

    `labels` are the names of the classes; without them the numbers in the labels file are the names.
    """
    parts = {}
    for part, stem in STEMS.items():
        images, classes = find(folder, stem, "images"), find(folder, stem, "labels")
        if images and classes:
            parts[part] = read_pair(images, classes)
        elif images or classes:
            there, lacking = (images, "labels") if images else (classes, "images")
            raise UserError(f"{there}: its {lacking} file is missing beside it")
    if "train" not in parts:
        raise UserError(f"{folder} holds no train-images-idx3-ubyte (with or without .gz)")
    return _named(parts, labels, folder)


def read_file(images: Path) -> PictureSet:
    """One images file by its path, with the labels file beside it; its examples are split later."""
    labels = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
    if "images" not in images.name or not labels.is_file():
        raise UserError(f"{images}: its labels file is missing; it is looked for as {labels.name} beside it")
    return _named({"train": read_pair(images, labels)}, None, images)


def _named(parts: dict[str, Pictures], labels: list[str] | None, source: Path) -> PictureSet:
    shapes = {part: tuple(pictures.images.shape[1:]) for part, pictures in parts.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{part} {h}×{w}" for part, (_, h, w) in shapes.items())
        raise UserError(f"{source}: the parts have pictures of different sizes: {listed}")
    present = torch.unique(torch.cat([pictures.targets for pictures in parts.values()])).tolist()
    unseen = sorted(set(present) - set(parts["train"].targets.tolist()))
    if unseen:
        listed = ", ".join(map(str, unseen))
        raise UserError(f"{source}: no training picture has the label {listed}, which another part has")
    if len(present) < 2:
        raise UserError(f"{source}: all labels are {present[0]}; to tell classes apart takes at least two")
    if labels is None:
        labels = [str(number) for number in range(max(present) + 1)]
    elif present[-1] >= len(labels):
        raise UserError(f"{source}: a label is {present[-1]}, but the set has {len(labels)} classes")
    return PictureSet(parts, labels)
