"""Small sets made by hand, good ones to be spoilt: pictures, IDX files, tables."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 13  # pixels: LeNet's least is 12
EACH = 5

GOOD_ROWS = "y,x,kind\n" + "".join(f"{2 * i + 1}.5,{i},{'ab'[i % 2]}\n" for i in range(20))
"""21 lines: a header and 20 rows; y is 2x + 1.5."""

NARROW = ("model.width=8", "model.hidden=8", "model.layers=1")
TINY = {
    "ngram": (),
    **dict.fromkeys(("lstm", "seq2seq", "bilstm-tagger", "bilstm-classifier"), NARROW),
    "transformer": (*NARROW, "model.heads=2"),
    "transformer-lm": (*NARROW, "model.heads=2", "model.gram_rows=97", "model.gram_width=4"),
}
"""Systems on text, with settings that make them small."""

SHORT = {
    "lstm": ("Corpus", ("data.tokens=char", "data.window=16", "batch=8")),
    "ngram": ("Corpus", ("data.tokens=word",)),
    "transformer-lm": ("Corpus", ("data.tokens=char", "data.window=16", "batch=8", "model.context=32")),
    "seq2seq": ("Pairs", ("data.tokens=word", "data.test=0.1", "batch=32")),
    "transformer": ("Pairs", ("data.tokens=word", "data.test=0.1", "batch=32")),
    "bilstm-tagger": ("Sentences", ("batch=16",)),
    "bilstm-classifier": ("Texts", ("batch=16", "data.encoding=utf-8")),
}
"""Systems on text, with the kind of text that each is trained on in the fixture `text_runs`, and what is short."""

GOOD_TEXT = "one two three four\n" * 40
GOOD_PAIRS = "".join(f"{first} {last}\t{last} {first}\n" for first in "abcde" for last in "vwxyz")
"""25 pairs of two words each, every source once."""
GOOD_TAGS = "Ann\tB-name\nleft\tO\n\n" * 20
"""20 sentences of two words each."""


def tiny(system: str, *words: str) -> tuple[str, ...]:
    """The settings of `TINY` but for those that `words` set, and these."""
    given = {word.partition("=")[0] for word in words}
    return *(word for word in TINY[system] if word.partition("=")[0] not in given), *words


def picture(mode: str = "RGB", size: tuple[int, int] = (SIDE, SIDE), seed: int = 0) -> Image.Image:
    """A picture of noise in a mode of PIL's."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(noise).convert(mode)


def encoded(form: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (SIDE, SIDE), seed: int = 0) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    picture(mode, size, seed).save(file, form)
    return file.getvalue()


def put(path: Path, content: bytes | str) -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def classes(folder: Path, names: tuple[str, ...] = ("cat", "dog"), each: int = EACH, mode: str = "RGB") -> Path:
    """``folder/CLASS/N.png``, all good."""
    for number, name in enumerate(names):
        for i in range(each):
            put(folder / name / f"{i}.png", encoded(mode=mode, seed=each * number + i))
    return folder


def huge_png() -> bytes:
    """A PNG whose header claims 200,000×200,000 pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def idx(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def idx_set(folder: Path, stem: str = "train", count: int = 12, side: int = SIDE, packed: bool = False) -> Path:
    """A part of an IDX set with two classes in turn."""
    images = np.random.default_rng(0).integers(0, 256, (count, side, side))
    end, pack = (".gz", gzip.compress) if packed else ("", bytes)
    put(folder / f"{stem}-images-idx3-ubyte{end}", pack(idx(images)))
    put(folder / f"{stem}-labels-idx1-ubyte{end}", pack(idx(np.arange(count) % 2)))
    return folder
