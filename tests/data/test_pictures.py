"""Pictures as they are read, from folders and from IDX files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flori.core.recipe import Data
from flori.data.picture_folder import read_folder
from flori.data.pictures import decode
from flori.data.sources import read


def save(path: Path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path)


def grey(value, height=4, width=6):
    return np.full((height, width), value, np.uint8)


def test_a_folder_by_class(tmp_path: Path):
    for label, value in (("cat", 10), ("dog", 200)):
        for i in range(3):
            save(tmp_path / label / f"{i}.png", grey(value + i))
    (tmp_path / "cat" / ".hidden").write_text("")
    found = read_folder(tmp_path)
    part = found.parts["train"]
    assert found.labels == ["cat", "dog"]
    assert part.images.shape == (6, 1, 4, 6) and part.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert part.images[:, 0, 0, 0].tolist() == [10, 11, 12, 200, 201, 202]
    assert part.names[0] == "cat/0.png"


def test_parts_are_kept(tmp_path: Path):
    for part in ("train", "val", "test"):
        for label in ("a", "b"):
            save(tmp_path / part / label / "1.png", grey(1))
    assert {part: len(x) for part, x in read_folder(tmp_path).parts.items()} == {
        "train": 2,
        "valid": 2,
        "test": 2,
    }


def test_colour_order_and_place_of_a_pixel(tmp_path: Path):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[1, 5] = (10, 20, 30)
    save(tmp_path / "x.png", picture)
    image = decode(tmp_path / "x.png", 3)
    assert image.shape == (3, 4, 6) and image[:, 1, 5].tolist() == [10, 20, 30] and int(image.sum()) == 60


def test_transparency_is_laid_on_white(tmp_path: Path):
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0, 0] = (0, 0, 0, 255)
    save(tmp_path / "x.png", picture)
    assert decode(tmp_path / "x.png", 1)[0].tolist() == [[0, 255], [255, 255]]


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path):
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(tmp_path / "x.png")
    assert decode(tmp_path / "x.png", 1)[0, 0].tolist() == [0, 100, 255]


def test_a_camera_turned_picture_stands_upright(tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(grey(9, 4, 6)).save(tmp_path / "x.jpg", exif=exif)
    assert decode(tmp_path / "x.jpg", 1).shape == (1, 6, 4)


def write_idx(path: Path, array: np.ndarray, packed: bool):
    body = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(body) if packed else body)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_as_a_folder_and_by_name(tmp_path: Path, packed):
    rng, end = np.random.default_rng(0), ".gz" if packed else ""
    images = rng.integers(256, size=(23, 5, 7), dtype=np.uint8)
    labels = np.arange(23, dtype=np.uint8) % 3
    for stem in ("train", "t10k"):
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte{end}", images, packed)
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte{end}", labels, packed)
    whole = read(Data(source=str(tmp_path)))
    assert list(whole.parts) == ["train", "test"] and whole.labels == ["0", "1", "2"]
    assert torch.equal(whole.parts["test"].images[:, 0], torch.from_numpy(images))
    one = read(Data(source=str(tmp_path / f"train-images-idx3-ubyte{end}")))
    assert list(one.parts) == ["train"] and torch.equal(one.parts["train"].targets, whole.parts["train"].targets)


def test_the_embedded_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    found, theirs = read(Data(source="digits")).parts["train"], load_digits()
    assert torch.equal((found.images[:, 0].double() * 16 / 255).round(), torch.from_numpy(theirs.images))
    assert found.targets.tolist() == theirs.target.tolist()


def test_mnist_and_fashion_mnist(real_data):
    for name in ("mnist", "fashion-mnist"):
        found = read(Data(source=name))
        assert {part: len(x) for part, x in found.parts.items()} == {"train": 60_000, "test": 10_000}
        assert found.parts["train"].targets.bincount(minlength=10).sum() == 60_000
        assert len(found.labels) == 10


def test_a_folder_of_real_pictures(real_data):
    found = read(Data(source=str(real_data / "cifar10-5k")))
    assert {part: len(x) for part, x in found.parts.items()} == {"train": 4000, "test": 1000}
    assert found.parts["train"].images.shape[1:] == (3, 32, 32) and "airplane" in found.labels
