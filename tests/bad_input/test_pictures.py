"""Folders of pictures with something wrong: the message names the file, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flori.data.pictures import shown
from tests.bad_input.asking import left_out, refused, trains
from tests.bad_input.making import SIDE, classes, encoded, huge_png, put

PHOTOS = Path("photos")


def _turned(path: Path) -> None:
    """A picture that its camera's mark turns on its side."""
    marks = Image.Exif()
    marks[0x0112] = 6
    Image.fromarray(np.zeros((SIDE, SIDE + 4, 3), np.uint8)).save(path, exif=marks)


def _all_turned_but_one() -> None:
    for path in sorted(PHOTOS.rglob("*.png"))[1:]:
        _turned(path)
    Image.fromarray(np.zeros((SIDE, SIDE + 4, 3), np.uint8)).save(PHOTOS / "cat/0.png")


BAD_FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "PNG cut short": ("cat/x.png", lambda p: p.write_bytes(encoded()[:-200]), "cannot be decoded"),
    "PNG cut within its header": ("cat/x.png", lambda p: p.write_bytes(encoded()[:20]), "is not a picture"),
    "JPEG cut short": ("cat/x.jpg", lambda p: p.write_bytes(encoded("JPEG")[:-120]), "cannot be decoded"),
    "GIF cut short": ("cat/x.gif", lambda p: p.write_bytes(encoded("GIF", mode="P")[:-150]), ""),
    "PNG with a byte changed": (
        "cat/x.png",
        lambda p: p.write_bytes(encoded()[:60] + b"\0\0\0\0" + encoded()[64:]),
        "cannot be decoded",
    ),
    "text named .png": (
        "cat/x.png",
        lambda p: p.write_text("no picture"),
        "is not a picture that can be read",
    ),
    "text file": ("dog/notes.txt", lambda p: p.write_text("Rex, 2019"), "is not a picture that can be read"),
    "empty": ("dog/x.png", lambda p: p.write_bytes(b""), "is empty"),
    "other size": ("cat/x.png", lambda p: p.write_bytes(encoded(size=(SIDE, 17))), f"is {SIDE}×17 pixels"),
    "grey among colour": (
        "cat/x.png",
        lambda p: p.write_bytes(encoded(mode="L")),
        "is grey where most are in colour",
    ),
    "200,000×200,000 pixels": (
        "cat/x.png",
        lambda p: p.write_bytes(huge_png()),
        "has more than 100,000,000 pixels",
    ),
    "dangling link": ("cat/x.png", lambda p: p.symlink_to("nowhere.png"), "is a link that leads nowhere"),
    "link to itself": ("cat/x.png", lambda p: p.symlink_to(p.name), "is a link that leads nowhere"),
    "folder named .png": ("cat/x.png", lambda p: p.mkdir(), "is a folder, not a picture"),
    "empty class folder": ("eel", lambda p: p.mkdir(), "is a class folder without pictures"),
    "class folder with hidden files only": (
        "eel",
        lambda p: put(p / ".DS_Store", b"x"),
        "is a class folder without pictures",
    ),
    "picture in no class": ("x.png", lambda p: p.write_bytes(encoded()), "lies in no class folder"),
    "a name of other bytes": (
        os.fsdecode(b"cat/caf\xe9.png"),
        lambda p: p.write_bytes(encoded()),
        "rename it",
    ),
    "a pipe": ("cat/x.png", os.mkfifo, "is not a file"),
    "picture turned by its mark": ("cat/x.jpg", _turned, f"is {SIDE + 4}×{SIDE} pixels"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_one_bad_file_is_named(name: str) -> None:
    place, spoil, says = BAD_FILES[name]
    spoil(classes(PHOTOS) / place)
    refused("lenet", "data=photos", says=(shown(PHOTOS / place), says, "data.on_bad=skip"))


def test_bad_files_are_left_out() -> None:
    classes(PHOTOS)
    places = []
    for i, (place, spoil, _) in enumerate(BAD_FILES.values()):
        path = (PHOTOS / place).with_stem(f"bad{i}{Path(place).stem}")
        spoil(path)
        places.append(shown(path))
    summary = left_out("lenet", "data=photos", faults=tuple(places))
    for says in (says for _, _, says in BAD_FILES.values()):
        assert any(says in fault for fault in summary["skipped"])


def test_all_faults_are_listed_at_once() -> None:
    classes(PHOTOS)
    for place in ("cat/1.png", "dog/2.png", "dog/4.png"):
        (PHOTOS / place).write_bytes(b"")
    (PHOTOS / "cat/x.png").write_bytes(encoded()[:-200])
    faults = ("photos/cat/1.png", "photos/dog/2.png", "photos/dog/4.png", "photos/cat/x.png")
    refused("lenet", "data=photos", says=("4 faults in", *faults))
    left_out("lenet", "data=photos", faults=faults)


def test_many_sizes_are_said_once() -> None:
    """Photographs of all sizes, and one broken: what is broken is found once they are made alike."""
    for i in range(12):
        put(PHOTOS / "ab"[i % 2] / f"{i}.png", encoded(size=(SIDE + i, SIDE + 2 * i), seed=i))
    sizes = (f"12 different sizes, from {SIDE}×{SIDE} to {SIDE + 11}×{SIDE + 22} pixels", f"data.size={SIDE} makes")
    refused("lenet", "data=photos", says=sizes)
    put(PHOTOS / "a/x.png", b"")
    refused("lenet", "data=photos", "data.size=13", says=("photos/a/x.png: is empty",))


def test_the_odd_one_is_named_though_it_comes_first() -> None:
    """Most pictures are turned by their marks: the one that is not is at fault, not the others."""
    classes(PHOTOS)
    _all_turned_but_one()
    refused("lenet", "data=photos", says=("photos/cat/0.png", "camera's mark"))
    left_out("lenet", "data=photos", faults=("photos/cat/0.png",))


@pytest.mark.parametrize("mode", ["I;16", "P", "RGBA", "LA", "1", "L", "F", "I"])
def test_every_kind_of_picture_is_read(mode: str) -> None:
    form = "tiff" if mode in ("F", "I") else "png"
    for i in range(6):
        put(PHOTOS / "ab"[i % 2] / f"{i}.{form}", encoded(form, mode=mode, seed=i))
    trains("softmax-regression", "data=photos")


def test_cmyk_is_read() -> None:
    for i in range(6):
        put(PHOTOS / "ab"[i % 2] / f"{i}.jpg", encoded("JPEG", mode="CMYK", seed=i))
    trains("softmax-regression", "data=photos")


def test_a_class_of_other_bytes_is_named() -> None:
    classes(PHOTOS, ("cat", "dog", os.fsdecode(b"caf\xe9")))
    refused("lenet", "data=photos", says=("5 faults", "photos/caf\\xe9/3.png: has a name that is no UTF-8 text"))


def _empty() -> None:
    PHOTOS.mkdir()


def _test_has_another_class() -> None:
    classes(PHOTOS / "train")
    classes(PHOTOS / "test", ("cat", "eel"))


def _flat() -> None:
    for i in range(4):
        put(PHOTOS / f"{i}.png", encoded(seed=i))


def _flat_parts() -> None:
    for part in ("train", "test"):
        put(PHOTOS / part / "1.png", encoded())


def _only_bad_to_train_on() -> None:
    classes(PHOTOS / "test")
    put(PHOTOS / "train/cat/1.png", b"")


def _all_of_one_class_bad() -> None:
    classes(PHOTOS, ("dog",))
    put(PHOTOS / "cat/1.png", b"")


BAD_FOLDERS: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "empty folder": (_empty, ("photos holds no class folders", "photos/CLASS/NAME.png")),
    "no class folders": (_flat, ("photos holds no class folders",)),
    "parts without class folders": (
        _flat_parts,
        ("photos holds no class folders", "photos/train/CLASS/NAME.png"),
    ),
    "one picture": (lambda: classes(PHOTOS, ("cat",), 1), ("photos", "one class (cat)")),
    "one class": (lambda: classes(PHOTOS, ("cat",)), ("photos", "one class (cat)")),
    "one picture a class": (lambda: classes(PHOTOS, each=1), ("photos", "too few to hold some out")),
    "no training picture of a class": (_test_has_another_class, ("photos", "no training picture of eel")),
    "no train/": (lambda: classes(PHOTOS / "test"), ("photos has test/ but no train/",)),
    "no train/ beside valid/ and test/": (
        lambda: [classes(PHOTOS / part) for part in ("Valid", "Test")],
        ("photos has Test/, Valid/ but no train/",),
    ),
    "not there": (lambda: None, ("data=photos", "no such file or folder")),
    "file of unknown type": (lambda: put(PHOTOS, "x"), ("photos", "cannot tell what it is")),
    "dangling link": (lambda: PHOTOS.symlink_to("nowhere"), ("data=photos", "no such file or folder")),
    "folder with a table": (
        lambda: put(PHOTOS / "a.csv", "y,x\n"),
        ("name the table in it, as in data=", "photos/a.csv"),
    ),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
@pytest.mark.parametrize("on_bad", ["stop", "skip"])
def test_a_bad_folder_is_refused(name: str, on_bad: str) -> None:
    make, says = BAD_FOLDERS[name]
    make()
    refused("lenet", "data=photos", f"data.on_bad={on_bad}", says=says)


@pytest.mark.parametrize("make", [_only_bad_to_train_on, _all_of_one_class_bad])
def test_leaving_out_too_much_says_what_was_bad(make: Callable[[], object]) -> None:
    make()
    refused("lenet", "data=photos", "data.on_bad=skip", says=("1.png: is empty", "photos"))


def test_parts_in_capitals_are_parts() -> None:
    for part in ("Train", "Test"):
        classes(PHOTOS / part)
    summary, _ = trains("lenet", "data=photos")
    assert list(summary["scores"]) == ["test"]
    refused("lenet", "data=photos", "data.channels=2", says=("data.channels=2",), run="again")
