"""One look at a folder of pictures for all processes: looked at anew where something changed, and only there."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.bad_input.making import SIDE, classes, encoded

from flori.core.recipe import Data
from flori.data import picture_files, picture_folder
from flori.data.examples import Pictures
from flori.data.folders import Here
from flori.data.picture_files import content, in_memory
from flori.data.shelves import Texts
from flori.data.sources import read
from flori.data.surveys import Slot, Survey

COUNT = 10


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a folder was listed, and a picture read to its end."""
    found = {"listed": 0, "check": 0}

    def counting(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def counted(*given: object) -> object:
            found[name] += 1
            return function(*given)

        return counted

    monkeypatch.setattr(picture_folder, "listed", counting("listed", picture_folder.listed))
    monkeypatch.setattr(picture_files, "check", counting("check", picture_files.check))
    return found


def look(**changes: object) -> Pictures:
    return read(Data(source="photos", cache="none", **changes)).parts["train"]  # type: ignore[arg-type,return-value]


def launched(monkeypatch: pytest.MonkeyPatch, rank: int, name: str = "one") -> None:
    for key, said in {"RANK": rank, "WORLD_SIZE": 2, "TORCHELASTIC_RUN_ID": name, "MASTER_PORT": 1}.items():
        monkeypatch.setenv(key, str(said))


def test_pictures_are_looked_at_once(calls: dict[str, int]) -> None:
    classes(Path("photos"))
    first = look()
    assert calls == {"listed": 1, "check": COUNT}
    again = look()
    assert calls == {"listed": 2, "check": COUNT}
    assert content(again.images) == content(first.images) and list(again.names) == list(first.names)
    assert torch.equal(in_memory(again.images), in_memory(first.images)) and torch.equal(again.targets, first.targets)
    assert look(size=7).images.shape[2:] == (7, 7) and calls["check"] == 2 * COUNT


def test_a_changed_picture_is_noticed_though_size_and_time_are_as_before(calls: dict[str, int]) -> None:
    path = classes(Path("photos")) / "cat/0.png"
    path.write_bytes(encoded(seed=0) + b"0")
    before, said = content(look().images), path.stat()
    path.write_bytes(encoded(seed=0) + b"1")
    os.utime(path, ns=(said.st_atime_ns, said.st_mtime_ns))
    assert path.stat().st_size == said.st_size and path.stat().st_mtime_ns == said.st_mtime_ns
    assert content(look().images) != before and calls["check"] == 2 * COUNT
    path.rename("photos/dog/9.png")
    assert look().targets.tolist() == [0] * 4 + [1] * 6


def test_one_worker_of_a_launch_lists_the_folder(calls: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    classes(Path("photos"))
    for rank in (0, 1):
        launched(monkeypatch, rank)
        assert len(look()) == COUNT and calls == {"listed": 1, "check": COUNT}
    classes(Path("photos"), each=6)
    launched(monkeypatch, 0, "another")
    assert len(look()) == 12 and calls["listed"] == 2


def test_workers_hold_what_is_little(calls: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    classes(Path("photos"))
    for rank in (0, 1):
        launched(monkeypatch, rank)
        assert isinstance(read(Data(source="photos")).parts["train"].images, torch.Tensor)  # type: ignore[union-attr]
    assert calls["check"] == 0
    assert isinstance(look().images, picture_files.PictureFiles) and calls["check"] == COUNT


def test_a_damaged_survey_is_made_anew(calls: dict[str, int], cache: Path) -> None:
    classes(Path("photos"))
    before = content(look().images)
    (kept,) = cache.rglob("*.pictures")
    for spoilt in (b"", b"{}\n", kept.read_bytes()[: kept.read_bytes().index(b"\n") + 20]):
        kept.write_bytes(spoilt)
        calls["check"] = 0
        assert content(look().images) == before and calls["check"] == COUNT


def test_no_cache_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    classes(Path("photos"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert in_memory(look().images).shape == (COUNT, 3, SIDE, SIDE)


def test_a_worker_keeps_a_few_bytes_for_each_picture() -> None:
    """Of names of 40 letters, sizes and hashes: all are mapped; its own are numbers of pictures and of classes."""
    count = 100_000
    texts = Texts.of(f"class-{i % 10}/a-name-of-forty-letters-{i:08d}.png" for i in range(count))
    label = (np.arange(count) % 10).astype(np.int32)
    sizes, hashes = np.full((count, 2), 9, np.int32), np.zeros((count, 16), np.uint8)
    notes = {"key": "k", "parts": ["train"], "classes": [f"class-{i}" for i in range(10)], "channels": 3}
    notes |= {"height": 9, "width": 9, "bytes": 0, "skipped": []}
    slot = Slot.of("anywhere")
    kept = slot.keep(Survey(texts, np.zeros(count, np.int32), label, sizes, hashes, notes))
    assert isinstance(kept.texts.letters.base, np.ndarray) and not kept.hashes.flags.owndata
    tracemalloc.start()
    found = picture_folder._streamed(Here(Path("/photos")), slot.found("k") or kept, None).parts["train"]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20 * count
    assert found.names[count - 1] == f"class-9/a-name-of-forty-letters-{count - 1:08d}.png"
    assert found.take(torch.tensor([7, 3])).targets.tolist() == [7, 3]
