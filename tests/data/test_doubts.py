"""What `flori data` remarks of pictures that can all be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.bad_input.making import classes, encoded, put

from flori.data.doubts import doubts
from flori.data.picture_folder import read_folder


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_copies_and_lonely_pictures_are_remarked(tmp_path: Path, cache: str):
    classes(tmp_path / "train", each=3)
    put(tmp_path / "train/eel/0.png", encoded(seed=71))
    put(tmp_path / "test/cat/0.png", encoded(seed=72))
    assert doubts(read_folder(tmp_path, cache=cache)) == ["a single picture to learn from: eel"]
    shutil.copy(tmp_path / "train/cat/0.png", tmp_path / "train/dog/7.png")
    shutil.copy(tmp_path / "train/cat/1.png", tmp_path / "test/cat/7.png")
    shutil.copy(tmp_path / "train/cat/2.png", tmp_path / "train/cat/7.png")
    assert doubts(read_folder(tmp_path, cache=cache)) == [
        "a single picture to learn from: eel",
        "1 picture in more than one class, such as train/cat/0.png = train/dog/7.png",
        "1 picture in more than one part, such as train/cat/1.png = test/cat/7.png",
        "3 pictures more than once, such as train/cat/0.png = train/dog/7.png",
    ]
