"""IDX files with something wrong: the message names the file, whether bad examples are left out or not."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.bad_input.asking import flori, refused, trains
from tests.bad_input.making import SIDE, idx, idx_set, put

SET = Path("set")
IMAGES, LABELS = SET / "train-images-idx3-ubyte", SET / "train-labels-idx1-ubyte"
PACKED = SET / "train-images-idx3-ubyte.gz"


def _changed(path: Path, at: int, to: bytes) -> None:
    body = path.read_bytes()
    path.write_bytes(body[:at] + to + body[at + len(to) :])


def _announce(*sizes: int) -> bytes:
    return struct.pack(">HBB", 0, 8, len(sizes)) + struct.pack(f">{len(sizes)}I", *sizes)


def _packed(spoil: Callable[[bytes], bytes]) -> None:
    body = gzip.compress(IMAGES.read_bytes())
    IMAGES.unlink()
    PACKED.write_bytes(spoil(body))


BAD: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "wrong magic": (lambda: _changed(IMAGES, 0, b"\x7f"), (str(IMAGES), "not an IDX file", "0x7f000803")),
    "wrong type": (lambda: _changed(IMAGES, 2, b"\x0d"), (str(IMAGES), "type 0x0d")),
    "wrong number of dimensions": (
        lambda: _changed(IMAGES, 3, b"\x01"),
        (str(IMAGES), "1 dimensions where 3"),
    ),
    "labels of three dimensions": (
        lambda: _changed(LABELS, 3, b"\x03"),
        (str(LABELS), "3 dimensions where 1"),
    ),
    "header cut short": (
        lambda: IMAGES.write_bytes(IMAGES.read_bytes()[:9]),
        (str(IMAGES), "ends within its header"),
    ),
    "magic cut short": (lambda: IMAGES.write_bytes(b"\0\0\x08"), (str(IMAGES), "too short for an IDX file")),
    "empty": (lambda: LABELS.write_bytes(b""), (str(LABELS), "too short for an IDX file")),
    "body cut short": (
        lambda: IMAGES.write_bytes(IMAGES.read_bytes()[:-7]),
        (str(IMAGES), "the file holds only"),
    ),
    "too many bytes": (
        lambda: IMAGES.write_bytes(IMAGES.read_bytes() + b"x"),
        (str(IMAGES), "the file holds more"),
    ),
    "2^32 bytes announced": (
        lambda: IMAGES.write_bytes(_announce(1, 2**16, 2**16)),
        (str(IMAGES), "announces 4,294,967,296 bytes of data, the file holds only 0"),
    ),
    "2^96 bytes announced": (
        lambda: IMAGES.write_bytes(_announce(*[2**32 - 1] * 3)),
        (str(IMAGES), "its header announces 79,", "are not read"),
    ),
    "labels for fewer": (
        lambda: LABELS.write_bytes(idx(np.arange(11) % 2)),
        (str(IMAGES), "12 pictures", str(LABELS), "11 labels"),
    ),
    "no labels": (lambda: LABELS.unlink(), (str(IMAGES), "its labels file is missing")),
    "no images": (lambda: IMAGES.unlink(), (str(LABELS), "its images file is missing")),
    "a dangling link": (
        lambda: [IMAGES.unlink(), IMAGES.symlink_to("nowhere")],
        (str(LABELS), "its images file is missing"),
    ),
    "gz cut short": (lambda: _packed(lambda body: body[:-20]), (str(PACKED), "cannot be read", "cut short")),
    "gz with garbage": (
        lambda: _packed(lambda body: body[:12] + b"garbage" * 9),
        (str(PACKED), "cannot be read"),
    ),
    "gz with a wrong checksum": (lambda: _packed(lambda body: body[:-8] + b"12345678"), (str(PACKED), "CRC")),
    "gz followed by garbage": (lambda: _packed(lambda body: body + b"xyz"), (str(PACKED), "cannot be read")),
    "gz that is none": (lambda: _packed(lambda body: b"text" * 9), (str(PACKED), "is not an IDX file")),
    "no pictures": (
        lambda: [IMAGES.write_bytes(_announce(0, SIDE, SIDE)), LABELS.write_bytes(_announce(0))],
        (str(IMAGES), "holds no pictures"),
    ),
    "pictures of no size": (
        lambda: IMAGES.write_bytes(_announce(12, 0, SIDE)),
        (str(IMAGES), "holds no pictures"),
    ),
    "test part of other size": (
        lambda: idx_set(SET, "t10k", side=SIDE + 1),
        ("set", "train 13×13", "test 14×14"),
    ),
    "test part without labels": (
        lambda: [idx_set(SET, "t10k"), (SET / "t10k-labels-idx1-ubyte").unlink()],
        ("t10k-images-idx3-ubyte", "its labels file is missing"),
    ),
    "no training part": (
        lambda: [idx_set(SET, "t10k"), IMAGES.unlink(), LABELS.unlink()],
        ("set holds no train-images-idx3-ubyte",),
    ),
    "one class": (
        lambda: LABELS.write_bytes(idx(np.full(12, 7))),
        ("set", "all labels are 7", "at least two"),
    ),
    "a class in test alone": (
        lambda: [idx_set(SET, "t10k"), (SET / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(12, 5)))],
        ("set", "no training picture has the label 5"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_set_is_refused(name: str) -> None:
    spoil, says = BAD[name]
    idx_set(SET)
    spoil()
    refused("lenet", "data=set", says=says)
    refused("lenet", "data=set", "data.on_bad=skip", says=says)
    seen = flori("data", "set")
    assert seen.exit_code == 2 and all(word in seen.stdout for word in says)


def test_the_images_file_alone_wants_its_labels() -> None:
    idx_set(SET)
    LABELS.unlink()
    refused("lenet", f"data={IMAGES}", says=(str(IMAGES), "train-labels-idx1-ubyte"))
    refused("lenet", f"data={SET / 't10k-images-idx3-ubyte'}", says=("t10k-images", "no such file"))
    put(SET / "x-idx3-ubyte", b"")
    refused("lenet", f"data={SET / 'x-idx3-ubyte'}", says=("x-idx3-ubyte", "labels file is missing"))


@pytest.mark.parametrize("packed", [False, True])
def test_good_sets_are_read(packed: bool) -> None:
    idx_set(SET, packed=packed)
    idx_set(SET, "t10k", packed=packed)
    summary, _ = trains("lenet", "data=set")
    assert "skipped" not in summary
    assert flori("data", "set").exit_code == 0
