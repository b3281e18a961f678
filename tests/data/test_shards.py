"""Pictures in Parquet files: what a table of them holds, the same batches for any number of workers, each of whom reads
its part, and all that may be wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from tests.bad_input.asking import assert_refused, flori
from tests.bad_input.making import SIDE, encoded

from flori.core.errors import UserError
from flori.core.ranks import Ranks
from flori.core.recipe import Data
from flori.data import shard_shelf, sources
from flori.data.batches import Batches
from flori.data.examples import Part, PictureSet
from flori.data.picture_files import PictureFiles, content, in_memory
from flori.data.preparation import PicturePreparation
from flori.data.shares import Share

NAMES = ["cat", "dog", "eel"]
CHANGED = {"crop": 0.3, "flip": True, "shift": 2}
PICTURES = [encoded(seed=i, size=(SIDE, SIDE)) for i in range(23)]


def write(path: str, rows: range, group: int = 5, **columns: Any) -> Path:
    """A file as the hub's: pictures as bytes and path, classes by number with their names beside."""
    pictures = [{"bytes": PICTURES[i % len(PICTURES)], "path": f"{i}.png"} for i in rows]
    table = pa.table({"image": pictures, "label": [i * 7 % 3 for i in rows], **columns})
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(table, path, row_group_size=group)
    return Path(path)


@pytest.fixture
def shards() -> Path:
    """97 rows to learn from in 20 row groups of three files, and 11 to judge by."""
    for number, rows in enumerate((range(41), range(41, 60), range(60, 97))):
        write(f"set/data/train-{number:05d}-of-00003.parquet", rows)
    write("set/data/test-00000-of-00001.parquet", range(97, 108))
    Path("set/README.md").write_text("of the hub")
    return Path("set")


def of(path: Path | str, **changes: Any) -> PictureSet:
    found = sources.read(Data(source=str(path), **changes))
    assert isinstance(found, PictureSet)
    return found


def batches(
    path: Path | str, workers: int | None = 0, rank: int = 0, ranks: int = 1, size: int = 12, **changes: Any
) -> Batches:
    options = Data(source=str(path), workers=workers, **changes)
    pictures = of(path, workers=workers).parts["train"]
    part = Part(pictures.images, pictures.targets, pictures.names)
    share = Share(Ranks(rank, ranks), changes.pop("parts", 1))
    prepared = PicturePreparation((SIDE, SIDE), (0.5,) * 3, (0.25,) * 3)
    return Batches(part, size, prepared, torch.float32, 3, options, share)


def test_a_set_of_the_hub_is_read(shards: Path) -> None:
    found = of(shards)
    assert (
        found.labels == NAMES
        and found.target == "label"
        and {p: len(x) for p, x in found.parts.items()}
        == {
            "train": 97,
            "test": 11,
        }
    )
    train, test = found.parts["train"], found.parts["test"]
    assert isinstance(train.images, PictureFiles) and train.images.shape == (97, 3, SIDE, SIDE)
    assert train.targets.tolist() == [i * 7 % 3 for i in range(97)]
    assert train.names[41] == "data/train-00001-of-00003.parquet:1" and test.names[10].endswith(":11")
    held = of(shards, cache="memory")
    assert isinstance(held.parts["train"].images, torch.Tensor)
    for part in ("train", "test"):
        assert torch.equal(in_memory(found.parts[part].images), held.parts[part].images)
    expected = torch.stack([held.parts["train"].images[i % 23] for i in range(97, 108)])
    assert torch.equal(held.parts["test"].images, expected)


KINDS = {
    "texts": ({"label": ["b", "a"] * 5}, ["a", "b"], [1, 0] * 5),
    "numbers": ({"label": [10, 9] * 5}, ["9", "10"], [1, 0] * 5),
    "dictionary": ({"label": pa.array(["b", "a"] * 5).dictionary_encode()}, ["a", "b"], [1, 0] * 5),
    "bytes alone": ({"image": PICTURES[:10], "label": ["b", "a"] * 5}, ["a", "b"], [1, 0] * 5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_numbers_or_texts(kind: str) -> None:
    columns, labels, targets = KINDS[kind]
    pictures = [{"bytes": content, "path": None} for content in PICTURES[:10]]
    pa.parquet.write_table(pa.table({"image": pictures, **columns}), "one.parquet")
    found = of("one.parquet")
    assert found.labels == labels and found.parts["train"].targets.tolist() == targets
    assert found.parts["train"].names[3] == "one.parquet:4"


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_processes_gives_the_same_bits(shards: Path, workers: int) -> None:
    held = in_memory(of(shards).parts["train"].images)
    found = list(batches(shards, workers).epoch(1))
    order = batches(shards)._order([12] * 7 + [13], 1)
    assert sorted(order.tolist()) == list(range(97))
    inputs = torch.cat([batch.inputs for batch in found])
    assert torch.allclose(inputs, (held[order].float() / 255 - 0.5) / 0.25, atol=1e-6)
    changed = [torch.cat([b.inputs for b in batches(shards, n, **CHANGED).epoch(1)]) for n in (0, workers)]
    assert torch.equal(*changed) and not torch.equal(changed[0], inputs)
    rest = list(batches(shards, workers, **CHANGED).epoch(1, start=5))
    assert torch.equal(torch.cat([batch.inputs for batch in rest]), changed[0][60:])


@pytest.mark.parametrize(("ranks", "workers", "more"), [(2, 0, {}), (3, 0, CHANGED), (2, 1, {"mixup": 0.4})])
def test_several_ranks_have_the_batches_of_one(shards: Path, ranks: int, workers: int, more: dict[str, Any]) -> None:
    alone = list(batches(shards, **more).epoch(1))
    shares = [list(batches(shards, workers, rank, ranks, **more).epoch(1)) for rank in range(ranks)]
    for whole, *parts in zip(alone, *shares, strict=True):
        assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
        assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)


def test_each_rank_reads_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("set/train-00000-of-00002.parquet", range(300), group=10)
    write("set/train-00001-of-00002.parquet", range(300, 600), group=10)
    monkeypatch.setattr(shard_shelf, "OPEN_BYTES", 8 * 10 * len(PICTURES[0]))
    read: Counter[tuple[str, int]] = Counter()
    group = shard_shelf.Shard.read
    monkeypatch.setattr(
        shard_shelf.Shard,
        "read",
        lambda shard, store, columns, number=None: (
            read.update([(shard.inside, number)] if number is not None else []),
            group(shard, store, columns, number),
        )[1],
    )
    seen = []
    for rank, ranks in ((0, 1), (0, 2), (1, 2)):
        found = batches(Path("set"), 1, rank, ranks, size=24)
        assert isinstance(found.part.inputs, PictureFiles) and 6 <= found.part.inputs.shelf.lanes <= 8
        read.clear()
        assert sum(len(batch) for batch in found.epoch(0)) == 600 // ranks
        seen.append(dict(read))
    alone, *both = seen
    assert len(alone) == 60 and sum(alone.values()) <= 60 + 8  # where two lanes meet, a group is read twice
    assert all(sum(one.values()) <= 30 + 5 for one in both) and len(both[0].keys() & both[1].keys()) <= 2
    assert both[0].keys() | both[1].keys() == alone.keys()


def test_only_open_row_groups_are_kept(shards: Path) -> None:
    shelf = of(shards).parts["train"].images.shelf  # type: ignore[union-attr]
    opened = shard_shelf._Opened(shelf)
    opened.fetched([0, 1, 96])
    assert sorted(opened.held) == [0, 20]
    opened.fetched([2, 50])
    assert len(opened.held) == 2 and 0 in opened.held and 20 not in opened.held


def test_content_is_of_the_files(shards: Path) -> None:
    before = content(of(shards).parts["train"].images)
    assert content(of(shards, workers=2).parts["train"].images) == before
    write("set/data/train-00002-of-00003.parquet", range(61, 98))
    assert content(of(shards).parts["train"].images) != before


def test_a_run_over_shards_goes_on_and_is_described(shards: Path) -> None:
    settings = ("epochs=2", "batch=16", "device=cpu", "data.flip=true", "data.workers=0")
    answer = flori("train", "softmax-regression", "data=set", *settings, "--run", "run", "--quiet")
    assert answer.exit_code == 0, answer.output
    scores = json.loads(Path("run/summary.json").read_text())["scores"]["test"]
    assert json.loads(flori("evaluate", "run", "--json").stdout)["scores"]["accuracy"] == scores["accuracy"]
    described = json.loads(flori("data", "set", "--json").stdout)
    assert described["examples"] == {"train": 97, "test": 11} and list(described["classes"]) == NAMES
    write("set/data/test-00000-of-00001.parquet", range(98, 109))
    assert_refused(flori("evaluate", "run", "--json"), "has changed since the run began")


def test_shards_behind_an_address_are_those_here(shards: Path) -> None:
    store = fsspec.filesystem("memory")
    for file in shards.rglob("*.*"):
        store.pipe_file(f"/{file}", file.read_bytes())
    there = of("memory://set")
    assert isinstance(there.parts["train"].images, PictureFiles)
    assert torch.equal(in_memory(there.parts["train"].images), in_memory(of(shards).parts["train"].images))
    one = of("memory://set/data/test-00000-of-00001.parquet")
    assert len(one.parts["train"]) == 11
    share, whole = batches("memory://set", 1, 1, 2), batches(shards)
    assert all(
        torch.equal(a.inputs, b.inputs[len(b) // 2 + len(b) % 2 :])
        for a, b in zip(share.epoch(0), whole.epoch(0), strict=True)
    )
    store.rm("/set", recursive=True)


def test_what_is_wrong_is_named(shards: Path) -> None:
    second = "set/data/train-00001-of-00003.parquet"
    for labels, says in (
        ([0, None, *[1] * 18], "00003.parquet, row 2: has no class in 'label'"),
        ([0, 1, 2, 7, *[1] * 16], "00003.parquet, row 4: has no class"),
    ):
        write(second, range(20), label=labels)
        assert_refused(flori("train", "lenet", "data=set", "--run", "run"), says, "data.on_bad=skip")
        assert len(of("set", on_bad="skip").parts["train"]) == 41 + 37 + 19
    Path(second).write_bytes(b"PAR1 no more PAR1")
    assert_refused(flori("train", "lenet", "data=set", "--run", "run"), second, "is not a Parquet file")
    Path(second).unlink()
    Path("set/data/00009.parquet").write_bytes(Path("set/data/test-00000-of-00001.parquet").read_bytes())
    assert_refused(flori("train", "lenet", "data=set", "--run", "run"), "00009.parquet: its name says neither")


def test_a_bad_picture_is_named_when_it_is_read() -> None:
    pictures = [{"bytes": one, "path": None} for one in PICTURES]
    for place, content_, says in ((50, b"no picture", "is not a picture"), (51, None, "has no picture")):
        many = [*(pictures * 5)]
        many[place] = {"bytes": content_, "path": "x.png"}
        pa.parquet.write_table(
            pa.table({"image": many, "label": [0, 1, 2, 1, 0] * 23}), "one.parquet", row_group_size=9
        )
        for workers in (0, 2):
            with pytest.raises(UserError, match=rf"one\.parquet, row {place + 1}: {says}"):
                list(batches(Path("one.parquet"), workers).epoch(0))


def test_sizes_that_differ_and_columns_that_lack_are_refused() -> None:
    pictures = [encoded(seed=i, size=(SIDE + i % 3, SIDE)) for i in range(12)]
    table = pa.table({"img": pictures, "a": [1, 2, 3] * 4, "b": ["x", "y"] * 6})
    pa.parquet.write_table(table, "one.parquet")
    assert_refused(flori("train", "lenet", "data=one.parquet", "--run", "run"), "target=…", "img, a, b")
    assert_refused(flori("train", "lenet", "data=one.parquet", "target=b", "--run", "run"), f"data.size={SIDE}")
    assert_refused(flori("train", "lenet", "data=one.parquet", "target=c", "--run", "run"), "no column 'c'")
    assert_refused(
        flori("train", "lenet", "data=one.parquet", "target=img", "--run", "run"), "no column 'img' of classes"
    )
    found = of("one.parquet", target="b", size=11, channels=1)
    assert found.labels == ["x", "y"] and found.parts["train"].images.shape == (12, 1, 11, 11)


def test_tables_without_pictures_stay_tables() -> None:
    rows = {"y": [2.0 * i for i in range(20)], "x": [float(i % 7) for i in range(20)]}
    pa.parquet.write_table(pa.table(rows), "rows.parquet")
    assert not isinstance(sources.read(Data(source="rows.parquet", target="y")), PictureSet)
    assert np.isclose(sources.read(Data(source="rows.parquet", target="y")).parts["train"].frame["x"].sum(), 57)
