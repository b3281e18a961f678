"""Picture folders that are left on disk: the same numbers as in memory, for any number of processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.bad_input.making import classes, encoded
from tests.bad_input.test_pictures import BAD_FILES

import flori
from flori.core import machine, seeds
from flori.core.errors import UserError
from flori.core.recipe import Data
from flori.data import picture_folder
from flori.data.batches import Batches
from flori.data.draws import Draws
from flori.data.examples import Part
from flori.data.picture_files import PictureFiles, content, decoded, in_memory, together
from flori.data.pictures import check, decode
from flori.data.preparation import PicturePreparation
from flori.data.sources import read
from flori.recipes.beginning import go_on


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


CHANGED = {"crop": 0.3, "flip": True, "shift": 2, "colour": 0.4, "erase": 0.5}


def picture(seed: int, height: int, width: int) -> Image.Image:
    """Smooth noise in colour."""
    rough = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """23 pictures of several sizes, grey and turned and transparent ones among them, in two classes."""
    for i in range(23):
        place = tmp_path / "photos" / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        image, marks = picture(i, 17 + i % 3, 29 - i % 5), Image.Exif()
        if i % 7 == 3:
            marks[0x0112] = 6
        if i % 2:
            image.convert("L" if i % 5 == 1 else "RGB").save(place / f"{i}.jpg", exif=marks, quality=95)
        else:
            image.convert("RGBA" if i % 6 == 2 else "RGB").save(place / f"{i}.png")
    return tmp_path / "photos"


def batches(folder: Path, workers: int | None = 0, size: int = 5, **changes) -> Batches:
    options = Data(source=str(folder), size=13, channels=3, **{"cache": "none", "workers": workers, **changes})
    pictures = read(options).parts["train"]
    part = Part(pictures.images, pictures.targets, pictures.names)
    return Batches(part, size, PicturePreparation((13, 13), (0.5,) * 3, (0.25,) * 3), torch.float32, 3, options)


def inputs(found) -> torch.Tensor:
    return torch.cat([batch.inputs for batch in found])


def assert_no_process_is_left() -> None:
    assert multiprocessing.active_children() == []


def test_any_number_of_workers_gives_the_same_bits(photos: Path):
    alone = batches(photos, 0, mixup=0.3, **CHANGED)
    expected = [inputs(alone.epoch(epoch)) for epoch in range(2)]
    assert not torch.equal(*expected)
    for workers in (1, 2):
        several = batches(photos, workers, mixup=0.3, **CHANGED)
        assert all(torch.equal(inputs(several.epoch(epoch)), expected[epoch]) for epoch in range(2))
    assert_no_process_is_left()


def test_an_epoch_gone_on_with_is_the_same(photos: Path):
    whole = list(batches(photos, 2, **CHANGED).epoch(1))
    rest = list(batches(photos, 1, **CHANGED).epoch(1, start=2))
    assert len(whole) == 5 and len(rest) == 3
    assert all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
        for a, b in zip(whole[2:], rest, strict=True)
    )


def test_a_picture_is_changed_alike_in_whatever_batch_it_comes(photos: Path):
    by_target = []
    for size in (5, 7):
        found = batches(photos, 0, size, **CHANGED)
        order = seeds.order(3, 1, 23)
        by_target.append(inputs(found.epoch(1))[order.argsort()])
    assert torch.equal(*by_target)


def test_files_give_what_memory_gives(photos: Path):
    streamed, held = batches(photos, 1), batches(photos, cache="memory")
    assert isinstance(streamed.part.inputs, PictureFiles) and isinstance(held.part.inputs, torch.Tensor)
    assert streamed.part.names == held.part.names and torch.equal(streamed.part.targets, held.part.targets)
    ours, theirs = in_memory(streamed.part.inputs), held.part.inputs
    png = torch.tensor([name.endswith(".png") for name in held.part.names])
    assert torch.equal(ours[png], theirs[png])
    assert int((ours.int() - theirs.int()).abs().max()) <= 3
    assert torch.equal(inputs(streamed.in_order())[png], inputs(held.in_order())[png])
    assert torch.equal(torch.cat([b.targets for b in streamed.epoch(2)]), torch.cat([b.targets for b in held.epoch(2)]))


@pytest.mark.parametrize("changes", [{"flip": True}, {"shift": 3, "flip": True}, {"erase": 1.0}, {"colour": 0.5}])
def test_changes_are_those_of_the_batch_in_memory(photos: Path, changes):
    """All but the crop, which is cut at full size: equal within the rounding of two ways."""
    streamed, held = (inputs(batches(photos, 0, cache=cache, **changes).epoch(0)) for cache in ("none", "memory"))
    levels = (streamed - held).abs() * 0.25 * 255
    assert float(levels.max()) <= (8 if "colour" in changes else 3.01)


def test_a_piece_is_cut_before_it_is_made_smaller(tmp_path: Path):
    """A quarter of a picture whose quarters have one colour each is of one colour up to its edge."""
    quarters = np.array([[10, 90], [170, 250]], np.uint8).repeat(20, 0).repeat(30, 1)
    Image.fromarray(quarters).save(tmp_path / "x.png")
    files = together([tmp_path / "x.png"], [check(tmp_path / "x.png", 1)], (7, 11))
    kept = files.fetched(torch.tensor([0]), files.shelf.opener())
    nothing = torch.zeros(1, 4, dtype=torch.int64)
    for top, left, value in ((0, 0, 10), (0, 30, 90), (20, 0, 170), (20, 30, 250)):
        box = torch.tensor([[top, left, 20, 30]])
        draws = Draws(box, torch.zeros(1, 2, dtype=torch.int64), torch.tensor([False]), torch.ones(1, 3), nothing)
        found = decoded(kept, torch.tensor([[40, 60]]), 1, (7, 11), draws)
        assert found.shape == (1, 1, 7, 11) and found.unique().tolist() == [value]


def test_a_photo_is_decoded_smaller_but_large_enough(tmp_path: Path):
    picture(0, 401, 613).save(tmp_path / "x.jpg", quality=95)
    assert decode(tmp_path / "x.jpg", 3, (100, 100)).shape == (3, 101, 154)
    assert decode(tmp_path / "x.jpg", 3, (102, 100)).shape == (3, 201, 307)
    assert decode(tmp_path / "x.jpg", 3, (300, 300)).shape == (3, 401, 613)
    assert check(tmp_path / "x.jpg", 3).shape == (3, 401, 613)


def test_preparation_is_fitted_to_the_same_numbers(photos: Path):
    files, tensor = batches(photos).part.inputs, batches(photos, cache="memory").part.inputs
    ours, theirs = PicturePreparation.fit(files, 5), PicturePreparation.fit(tensor)
    assert ours.size == theirs.size == (13, 13)
    pixels = tensor.double().transpose(0, 1).flatten(1) / 255
    assert torch.allclose(torch.tensor(theirs.mean).double(), pixels.mean(1))
    assert torch.allclose(torch.tensor(ours.mean), torch.tensor(theirs.mean), atol=2e-3)
    assert torch.allclose(torch.tensor(ours.std), torch.tensor(theirs.std), atol=2e-3)


def spoil(folder: Path) -> None:
    (folder / "a/cut.png").write_bytes(encoded()[:-200])
    (folder / "a/cut.jpg").write_bytes(encoded("JPEG", size=(131, 97))[:-2000])
    (folder / "b/empty.jpg").write_bytes(b"")
    (folder / "b/text.png").write_text("no picture")


def test_bad_files_are_told_as_in_memory(photos: Path):
    spoil(photos)
    said, skipped = [], []
    for cache in ("memory", "none"):
        with pytest.raises(UserError, match="4 faults") as stopped:
            batches(photos, cache=cache)
        said.append(str(stopped.value))
        options = Data(source=str(photos), size=13, channels=3, cache=cache, on_bad="skip")
        found = read(options)
        skipped.append([str(fault) for fault in found.skipped])
        assert len(found.parts["train"]) == 23 and len(skipped[-1]) == 4
    assert said[0] == said[1] and skipped[0] == skipped[1]
    for name in ("cut.png: cannot be decoded", "cut.jpg: cannot be decoded", "empty.jpg: is empty", "text.png: is not"):
        assert name in said[1]


def test_every_bad_file_is_told_as_in_memory(tmp_path: Path):
    folder = classes(tmp_path / "photos")
    for number, (place, make, _) in enumerate(BAD_FILES.values()):
        make((folder / place).with_stem(f"bad{number}{Path(place).stem}"))
    found = [read(Data(source=str(folder), on_bad="skip", cache=cache)) for cache in ("memory", "none")]
    said = [[str(fault) for fault in one.skipped] for one in found]
    assert said[0] == said[1] and len(said[1]) == len(BAD_FILES)
    assert found[0].parts["train"].names == found[1].parts["train"].names


def test_sizes_that_differ_are_refused_as_in_memory(photos: Path):
    said = []
    for cache in ("memory", "none"):
        with pytest.raises(UserError, match=r"data\.size=17 makes all") as stopped:
            read(Data(source=str(photos), channels=3, cache=cache))
        said.append(str(stopped.value))
    assert said[0] == said[1]


def test_auto_leaves_on_disk_what_takes_over_a_quarter_of_memory(photos: Path, monkeypatch):
    needed = 23 * 3 * 13 * 13
    for there, kind in ((4 * needed, torch.Tensor), (4 * needed - 4, PictureFiles)):
        monkeypatch.setattr(picture_folder, "memory", lambda there=there: there)
        assert isinstance(batches(photos, cache="auto").part.inputs, kind)
    assert isinstance(batches(photos, cache="memory").part.inputs, torch.Tensor)
    monkeypatch.setattr(picture_folder, "memory", lambda: 2 * needed - 2)
    with pytest.raises(UserError, match=r"23 pictures need .* data\.cache=none"):
        batches(photos, cache="memory")


def test_a_container_has_what_it_is_given(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(machine, "CONTAINER", tmp_path / "memory.max")
    whole = machine.memory()
    for text, expected in (("max\n", whole), ("1234567\n", 1234567)):
        (tmp_path / "memory.max").write_text(text)
        assert machine.memory() == expected


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_deleted_meanwhile_is_named(photos: Path, workers):
    found = batches(photos, workers, 2)
    gone = photos / found.part.names[int(seeds.order(3, 0, 23)[-1])]
    epoch = found.epoch(0)
    next(epoch)
    gone.unlink()
    with pytest.raises(UserError, match=f"{gone}: is not there, though it was good"):
        list(epoch)
    assert_no_process_is_left()


def test_a_worker_killed_is_told(photos: Path):
    epoch = batches(photos, 2, 2).epoch(0)
    next(epoch)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r"was ended from outside.*data\.workers=0"):
        list(epoch)
    assert_no_process_is_left()


def test_leaving_an_epoch_ends_its_processes(photos: Path):
    for batch in (epoch := batches(photos, 2, 2, **CHANGED).epoch(0)):
        assert len(batch) == 2 and len(multiprocessing.active_children()) == 2
        break
    epoch.close()
    assert_no_process_is_left()


def test_content_is_of_the_files(photos: Path):
    before = content(batches(photos).part.inputs)
    assert content(batches(photos, 2, flip=True).part.inputs) == before
    os.utime(photos / "a/0.png", (1, 1))
    assert content(batches(photos).part.inputs) == before
    picture(99, 17, 29).save(photos / "a/0.png")
    assert content(batches(photos).part.inputs) != before


SETTINGS = {"epochs": 3, "batch": 4, "device": "cpu", "data.size": 13, "data.channels": 3, "data.cache": "none"}


def test_a_run_over_files_whose_picture_vanishes_goes_on_when_it_is_back(photos: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(picture_folder, "memory", lambda: 1000)
    changes = {"data.cache": "auto", "data.crop": 0.5, "data.flip": True, "data.workers": 1}
    settings = {**SETTINGS, "data": str(photos), **changes}
    whole = flori.train("softmax-regression", run=tmp_path / "whole", **settings)
    steps = flori.steps("softmax-regression", run=tmp_path / "broken", **settings)
    for report in steps:
        if report.step == 2:
            kept = {path: path.read_bytes() for path in photos.rglob("*.*")}
            for path in kept:
                path.unlink()
            break
    with pytest.raises(UserError, match="is not there, though it was good"):
        list(steps)
    assert json.loads((tmp_path / "broken/summary.json").read_text())["status"] == "failed"
    for path, bytes_ in kept.items():
        path.write_bytes(bytes_)
    monkeypatch.setattr(picture_folder, "memory", lambda: 10**15)  # auto would choose otherwise by now
    session = go_on(tmp_path / "broken")
    with session.folder.lock():
        for _ in session.reports():
            pass
        session.finish()
    names = [tmp_path / run / "model/model.safetensors" for run in ("whole", "broken")]
    assert names[0].read_bytes() == names[1].read_bytes()
    assert whole.evaluate()["scores"] == flori.load(tmp_path / "broken").evaluate()["scores"]


def test_many_files_are_predicted_from_disk(photos: Path, tmp_path: Path, monkeypatch):
    run = flori.train("softmax-regression", run=tmp_path / "run", **{**SETTINGS, "data": str(photos), "epochs": 1})
    from_memory = run.predict(photos)
    monkeypatch.setattr("flori.artifacts.predictor.BATCH", 7)
    from_files = run.predict(photos)
    assert [a["input"] for a in from_files] == [a["input"] for a in from_memory] and len(from_files) == 23
    for ours, theirs in zip(from_files, from_memory, strict=True):
        assert abs(dict(ours["top"])["a"] - dict(theirs["top"])["a"]) < 0.02
    spoil(photos)
    with pytest.raises(UserError, match="4 faults"):
        run.predict(photos)


def test_classes_of_one_size_need_no_size(tmp_path: Path):
    folder = classes(tmp_path / "same")
    streamed, held = (read(Data(source=str(folder), cache=cache)).parts["train"] for cache in ("none", "memory"))
    assert streamed.images.shape == tuple(held.images.shape)
    assert torch.equal(in_memory(streamed.take(torch.tensor([7, 2])).images), held.images[[7, 2]])
