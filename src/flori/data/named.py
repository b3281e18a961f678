"""The data sets that have a name: what they are, where they come from, how they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from flori.data import cifar, idx
from flori.data.download import fetch
from flori.data.examples import Pictures, PictureSet, Rows, TableSet


@dataclass(frozen=True)
class File:
    """One file of a set: its name, where it is fetched, and the SHA-256 of its content (of an archive: as it is)."""

    name: str
    url: str
    sha256: str


@dataclass(frozen=True)
class NamedSet:
    """A data set by name. `embedded` sets need no file; of a table the first file is learnt from. `shape` is that of
    each picture, (C, H, W)."""

    name: str
    about: str
    files: tuple[File, ...] = ()
    embedded: Callable[[], PictureSet | TableSet] | None = None
    labels: list[str] = field(default_factory=list)
    target: str | None = None
    scale: str = "standard"
    shape: tuple[int, int, int] | None = None


def folder(name: str) -> Path:
    """Where the files of a set are looked for: ``$FLORI_DATA/NAME``, else in the user's cache folder."""
    home = os.environ.get("FLORI_DATA")
    if not home:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        home = str(Path(cache) / "flori" / "data")
    return Path(home).expanduser() / name


def paths(known: NamedSet) -> list[Path]:
    """The files of a set, fetched where they are not there (with or without .gz counts as there)."""
    where, found = folder(known.name), []
    for file in known.files:
        plain = where / file.name.removesuffix(".gz")
        found.append(plain if plain.is_file() else fetch(file.url, where / file.name, file.sha256))
    return found


def is_here(known: NamedSet) -> bool:
    """Whether the set can be read without fetching anything."""
    where = folder(known.name)
    there = [(where / file.name).is_file() or (where / file.name.removesuffix(".gz")).is_file() for file in known.files]
    return all(there) or (known.name == "cifar10" and cifar.unpacked(where) is not None)


def read_pictures(known: NamedSet) -> PictureSet:
    """A set of IDX files, or CIFAR-10's, with the names of its classes."""
    if known.name == "cifar10":
        return cifar.read(cifar.unpacked(folder(known.name)) or paths(known)[0], known.labels)
    paths(known)
    return idx.read_folder(folder(known.name), known.labels)


def _digits() -> PictureSet:
    """1,797 handwritten digits of 8×8 pixels (Alpaydin and Kaynak 1998), as scikit-learn ships them."""
    from sklearn.datasets import load_digits

    values, targets = load_digits(return_X_y=True)
    images = torch.from_numpy(np.rint(values * (255 / 16)).astype(np.uint8)).view(-1, 1, 8, 8)
    names = [f"digits:{i}" for i in range(len(targets))]
    return PictureSet({"train": Pictures(images, torch.from_numpy(targets).long(), names)}, [*"0123456789"])


def _diabetes() -> TableSet:
    """442 patients, ten measurements, and the progress of the disease a year later (Efron et al. 2004)."""
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    rows = Rows(frame.astype("float64"), [f"diabetes:{i + 1}" for i in range(len(frame))])
    return TableSet({"train": rows}, "target")


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_BOOK = "https://d2l-data.s3-accelerate.amazonaws.com/"
_SEABORN = "https://raw.githubusercontent.com/mwaskom/seaborn-data/master/"


def _idx_files(base: str, *hashes: str) -> tuple[File, ...]:
    stems = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    names = [f"{stem}-ubyte.gz" for stem in stems]
    return tuple(File(name, base + name, sha256) for name, sha256 in zip(names, hashes, strict=True))


NAMED = {
    known.name: known
    for known in (
        NamedSet("digits", "1,797 handwritten digits, 8×8, 10 classes; embedded", embedded=_digits),
        NamedSet(
            "mnist",
            "60,000 + 10,000 handwritten digits, 28×28, 10 classes",
            _idx_files(
                _MNIST,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            labels=[*"0123456789"],
            shape=(1, 28, 28),
        ),
        NamedSet(
            "fashion-mnist",
            "60,000 + 10,000 pictures of clothing, 28×28, 10 classes",
            _idx_files(
                _FASHION,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            labels=[
                *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
                *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
            ],
            shape=(1, 28, 28),
        ),
        NamedSet(
            "cifar10",
            "50,000 + 10,000 photographs, 32×32 in colour, 10 classes",
            (
                File(
                    "cifar-10-binary.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                ),
            ),
            labels=["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
            shape=(3, 32, 32),
        ),
        NamedSet("diabetes", "442 patients, 10 numbers, progress of the disease; embedded", embedded=_diabetes),
        NamedSet(
            "house-prices",
            "1,460 house sales in Ames, 80 mixed columns, the price",
            (
                File(
                    "kaggle_house_pred_train.csv",
                    _BOOK + "kaggle_house_pred_train.csv",
                    "1e18addf81e5e4d347cc17ee6075bbe4a42b7fa26b9e5b063e8f692a5f929d41",
                ),
                File(
                    "kaggle_house_pred_test.csv",
                    _BOOK + "kaggle_house_pred_test.csv",
                    "8fdd3d829d4d986b58f845c9553b225e67dd8383624d90fb6ca1d4bed5798c1e",
                ),
            ),
            target="SalePrice",
            scale="log",
        ),
        NamedSet(
            "airfoil",
            "1,503 wind tunnel measurements, 5 numbers, the noise in decibel",
            (
                File(
                    "airfoil_self_noise.dat",
                    _BOOK + "airfoil_self_noise.dat",
                    "74c75fd71783f1e6b71f8a622b993dc592897a97cd689c5090a07147a1b097b3",
                ),
            ),
            target="column6",
        ),
        NamedSet(
            "penguins",
            "344 penguins, 6 mixed columns with gaps, 3 species",
            (
                File(
                    "penguins.csv",
                    _SEABORN + "penguins.csv",
                    "e07636bd8af74260099ea2f8678e2eabbf35def579940cc76f67061ee16c06c1",
                ),
            ),
            target="species",
        ),
    )
}
