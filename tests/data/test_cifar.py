"""CIFAR-10's binary files, from the archive and from a folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from flori.core.errors import UserError
from flori.core.recipe import Data
from flori.data import cifar
from flori.data.sources import read

LABELS = [*"abcdefghij"]


def records(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.concatenate([random.integers(0, 10, (count, 1)), random.integers(0, 256, (count, 3072))], 1).astype(
        np.uint8
    )


@pytest.fixture
def bodies() -> dict[str, np.ndarray]:
    names = [name for names in cifar.FILES.values() for name in names]
    return {name: records(3 + i, i) for i, name in enumerate(names)}


def archive(path: Path, bodies: dict[str, np.ndarray]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, body in bodies.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = body.nbytes
            file.addfile(info, io.BytesIO(body.tobytes()))
    return path


def test_archive_and_folder_hold_the_same_pictures(tmp_path, bodies, monkeypatch):
    home = tmp_path / "cifar10"
    home.mkdir()
    found = cifar.read(archive(home / "cifar-10-binary.tar.gz", bodies), LABELS)
    train = np.concatenate([bodies[name] for name in cifar.FILES["train"]])
    assert found.parts["train"].targets.tolist() == train[:, 0].tolist()
    assert found.parts["train"].images[4, 2, 31, 7] == train[4, 1 + 2 * 1024 + 31 * 32 + 7]
    assert found.parts["test"].names[0] == "test_batch.bin:0"
    (home / "cifar-10-batches-bin").mkdir()
    for name, body in bodies.items():
        (home / "cifar-10-batches-bin" / name).write_bytes(body.tobytes())
    monkeypatch.setenv("FLORI_DATA", str(tmp_path))
    named = read(Data(source="cifar10"))
    assert (named.parts["test"].images == found.parts["test"].images).all() and named.labels[3] == "cat"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b.pop("data_batch_2.bin"), "lacks data_batch_2.bin"),
        (lambda b: b.update({"test_batch.bin": b["test_batch.bin"].reshape(-1)[:-1]}), "test_batch.bin has"),
        (lambda b: b["data_batch_1.bin"].__setitem__((1, 0), 10), "picture 2 has the class 10"),
    ],
)
def test_what_is_not_whole_is_said(tmp_path, bodies, change, said):
    change(bodies)
    with pytest.raises(UserError, match=said):
        cifar.read(archive(tmp_path / "x.tar.gz", bodies), LABELS)


def test_an_archive_cut_short_is_said(tmp_path, bodies):
    path = archive(tmp_path / "x.tar.gz", bodies)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(UserError, match="fetch it again"):
        cifar.read(path, LABELS)
