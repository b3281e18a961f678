"""Picture files, or their bytes → tensors; what is wrong with one is said by a ValueError."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
MOST_PIXELS = 100_000_000
ORIENTATION = 0x0112  # the mark that says how a camera was held
GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F"}


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file says of itself before it is decoded."""

    width: int
    height: int
    grey: bool


Source = Path | bytes
"""A picture file, or what is in one."""


def read_header(source: Source) -> Header:
    """Size and colour of a picture file. Raises ValueError saying what is wrong with it."""
    _must_be_file(source)
    try:
        with Image.open(_openable(source)) as picture:
            header = Header(*picture.size, picture.mode in GREY)
    except Image.DecompressionBombError:
        raise ValueError(f"has more than {MOST_PIXELS:,} pixels") from None
    except OSError as problem:
        raise ValueError(_reason(source, problem)) from None
    except (SyntaxError, ValueError, OverflowError) as problem:
        raise ValueError(f"is damaged: {problem}") from None
    if header.width * header.height > MOST_PIXELS:
        raise ValueError(f"has {header.width}×{header.height} pixels; more than {MOST_PIXELS:,} are not read")
    return header


def upright_size(source: Source) -> tuple[int, int]:
    """Height and width of a picture as it is decoded. Raises ValueError as `decode` does."""
    with _saying_what(source), Image.open(_openable(source)) as opened:
        width, height = reversed(opened.size) if _is_turned(opened) else opened.size
    return height, width


def _openable(source: Source) -> Path | io.BytesIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _must_be_file(path: Source) -> None:
    """Raise ValueError for what opening would misname, or wait on for ever."""
    if isinstance(path, bytes):
        return
    if shown(path) != str(path):
        raise ValueError("has a name that is no UTF-8 text; rename it")
    if path.is_file():
        return
    if path.is_dir():
        raise ValueError("is a folder, not a picture")
    if path.is_symlink():
        raise ValueError("is a link that leads nowhere")
    raise ValueError("is not a file" if path.exists() else "is not there")


def shown(path: Path | str) -> str:
    """A path as text that can be written: a name on Linux may be any bytes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason(source: Source, problem: OSError) -> str:
    if problem.strerror:
        return f"cannot be read: {problem.strerror}"
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    return "is empty" if size == 0 else "is not a picture that can be read"


@contextmanager
def unwarned() -> Iterator[None]:
    """Without PIL's remarks on odd metadata, which are no fault of the pixels.

    To be entered outside of threads: the filters are the whole process's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode(source: Source, channels: int, least: tuple[int, int] | None = None) -> Tensor:
    """A picture as uint8 [channels, H, W]: grey, red-green-blue, or those with opacity as a fourth. Where opacity is
    not kept, the picture is laid on white; 16 bits are scaled to 8.

    Args:
        least: a JPEG may come smaller, at a half, a quarter or an eighth, if it keeps this height and width: of a
            photo's pixels most are never computed.

    Raises ValueError saying what is wrong with it.
    """
    _must_be_file(source)
    with _saying_what(source), Image.open(_openable(source)) as opened:
        if least is not None:
            _draft(opened, least)
        picture: Image.Image = ImageOps.exif_transpose(opened)  # upright, as its camera held it
        picture.load()
        array = np.array(_convert(picture, channels))
    return torch.from_numpy(array).reshape(array.shape[0], array.shape[1], channels).permute(2, 0, 1)


@contextmanager
def _saying_what(source: Source) -> Iterator[None]:
    """What goes wrong in decoding, as a ValueError."""
    try:
        yield
    except Image.UnidentifiedImageError as problem:
        raise ValueError(_reason(source, problem)) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise ValueError(f"cannot be decoded: {problem}") from None


def _draft(opened: Image.Image, least: tuple[int, int]) -> None:
    """Let a JPEG be decoded smaller, both sides at least as long as these."""
    height, width = reversed(least) if _is_turned(opened) else least
    opened.draft(None, (max(1, width), max(1, height)))


def _is_turned(opened: Image.Image) -> bool:
    """Whether its camera lay on its side."""
    return opened.getexif().get(ORIENTATION) in (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Checked:
    """A file found good: the upright picture's shape (channels, height, width), and a hash of the file's content."""

    shape: tuple[int, int, int]
    digest: bytes


def check(source: Source, channels: int) -> Checked:
    """Read a file to its end as `decode` would, a JPEG at an eighth of its size. Raises ValueError as `decode` does."""
    _must_be_file(source)
    with _saying_what(source):
        content = source if isinstance(source, bytes) else source.read_bytes()
        with Image.open(io.BytesIO(content)) as opened:
            width, height = reversed(opened.size) if _is_turned(opened) else opened.size
            opened.draft(None, (1, 1))
            picture = ImageOps.exif_transpose(opened)
            picture.load()
            _convert(picture, channels)
    return Checked((channels, height, width), hashlib.blake2b(content, digest_size=16).digest())


def _convert(picture: Image.Image, channels: int) -> Image.Image:
    if picture.mode in ("I", "I;16", "I;16B"):
        wide = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray((np.clip(wide, 0, 65535) // 257).astype(np.uint8))
    if channels == 4:
        return picture.convert("RGBA")
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    mode = "RGB" if channels == 3 else "L"
    return picture if picture.mode == mode else picture.convert(mode)


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [N, C, H, W] → uint8 [N, C, *size], bilinear with antialiasing, or as they are if they fit."""
    if tuple(images.shape[-2:]) == size:
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def listed(paths: Iterable[Path]) -> list[Path]:
    """The files among `paths`, and for each folder the pictures in it, at any depth, in order of name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (one for one in sorted(path.rglob("*")) if not one.name.startswith("."))  # left by systems
            found += [one for one in inside if one.suffix.lower() in ENDINGS]
        else:
            found.append(path)
    return found
