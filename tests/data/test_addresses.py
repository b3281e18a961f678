"""Data behind addresses: the same numbers as from this machine, fetched once, and anew where it changed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem
from tests.bad_input.asking import assert_refused, flori
from tests.bad_input.making import GOOD_ROWS, GOOD_TEXT, classes

from flori.core.errors import UserError
from flori.core.paths import is_address, whole_address
from flori.core.recipe import Data
from flori.data import fetching, sources, stores
from flori.data.picture_files import PictureFiles, in_memory

EACH = 7


class Counting(MemoryFileSystem):
    """A store in memory that notes which files were read."""

    protocol = "counting"
    read: list[str] = []  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("counting://", "memory://"))

    def _open(self, path, mode="rb", **more):
        if mode == "rb":
            self.read.append(path)
        return super()._open(path, mode, **more)

    def cat_file(self, path, start=None, end=None, **more):
        self.read.append(path)
        with super()._open(self._strip_protocol(path), "rb") as file:
            return file.read()[start:end]


fsspec.register_implementation("counting", Counting, clobber=True)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Counting.read.clear()
    found = fsspec.filesystem("counting")
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


def put_folder(store: Counting, folder: Path, name: str) -> str:
    """A folder of this machine, at an address."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            store.pipe_file(f"/{name}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    Counting.read.clear()
    return f"counting://{name}"


@pytest.mark.parametrize("text", ["s3://b/c", "zip://::photos.zip", "zip://a/b.csv::https://x.org/y.zip", "memory://x"])
def test_an_address_has_a_protocol(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["photos/", "C:\\photos", "a:b", "/x::y", "digits", "c://x", "once upon: a time"])
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_a_path_in_an_address_is_made_whole(tmp_path: Path) -> None:
    assert whole_address("zip://a::b.zip") == f"zip://a::{tmp_path}/b.zip"
    assert whole_address("zip://a::file:///b.zip") == "zip://a::file:///b.zip"
    assert whole_address("s3://b/c") == "s3://b/c"


def test_a_table_is_fetched_once_and_anew_where_it_changed(store: Counting, tmp_path: Path) -> None:
    store.pipe_file("/data/houses.csv", GOOD_ROWS.encode())
    options = Data(source="counting://data/houses.csv", target="y")
    first = sources.read(options).parts["train"]
    assert first.names[0] == "houses.csv:2" and len(first) == 20
    assert sources.read(options).parts["train"].names == first.names
    assert Counting.read == ["/data/houses.csv"]
    store.pipe_file("/data/houses.csv", (GOOD_ROWS + "7.5,3,a\n").encode())
    assert len(sources.read(options).parts["train"]) == 21
    assert len(Counting.read) == 2
    assert not list((tmp_path / "cache").rglob("*.aside"))


def test_what_is_wrong_is_said_of_the_address(store: Counting, tmp_path: Path) -> None:
    store.pipe_file("/data/houses.csv", (GOOD_ROWS + "many,3,a\n").encode())
    answer = flori("train", "linear-regression", "data=counting://data/houses.csv", "target=y", "--run", "run")
    assert_refused(answer, "counting://data/houses.csv, line 22: 'many' in column 'y' is not a number")
    assert str(tmp_path / "cache") not in answer.output
    store.pipe_file("/data/text/a.txt", b"one \xff")
    assert_refused(
        flori("train", "lstm", "data=counting://data/text", "--run", "run"), "counting://data/text/a.txt, line"
    )


def test_picture_folders_are_as_on_this_machine(store: Counting, tmp_path: Path) -> None:
    folder = classes(tmp_path / "photos", each=EACH)
    address = put_folder(store, folder, "photos")
    here = sources.read(Data(source=str(folder), size=11)).parts["train"]
    fetched = sources.read(Data(source=address, size=11)).parts["train"]
    assert isinstance(fetched.images, torch.Tensor) and torch.equal(fetched.images, here.images)
    before = len(Counting.read)
    assert before == 2 * EACH
    streamed = sources.read(Data(source=address, size=11, cache="none")).parts["train"]
    assert isinstance(streamed.images, PictureFiles) and len(Counting.read) == before + 4 * EACH  # headers, then all
    assert list(streamed.names) == list(fetched.names) == list(here.names)
    assert torch.equal(in_memory(streamed.images), here.images) and len(Counting.read) == before + 6 * EACH
    again = sources.read(Data(source=address, size=11, cache="none")).parts["train"]
    assert torch.equal(again.targets, streamed.targets) and len(Counting.read) == before + 6 * EACH


def test_files_of_this_machine_are_not_fetched(tmp_path: Path) -> None:
    folder = classes(tmp_path / "photos", each=EACH)
    assert fetching.local(f"file://{folder}") == folder
    assert sources.reached(Data(source=f"file://{folder}")) == folder and not (tmp_path / "cache").exists()


def test_a_folder_is_mirrored_as_it_changes(store: Counting, tmp_path: Path) -> None:
    address = put_folder(store, classes(tmp_path / "photos", each=EACH), "photos")
    there = fetching.local(address)
    assert sorted(file.name for file in (there / "cat").iterdir()) == sorted(f"{i}.png" for i in range(EACH))
    store.rm_file("/photos/cat/0.png")
    store.pipe_file("/photos/dog/new.png", store.cat_file("/photos/dog/1.png"))
    Counting.read.clear()
    assert fetching.local(address) == there and Counting.read == ["/photos/dog/new.png"]
    assert not (there / "cat/0.png").exists() and (there / "dog/new.png").exists()


def test_a_zip_is_a_folder(tmp_path: Path) -> None:
    folder = classes(tmp_path / "photos", each=EACH)
    with zipfile.ZipFile("photos.zip", "w") as packed:
        for file in sorted(folder.rglob("*.png")):
            packed.write(file, file.relative_to(folder))
    here = sources.read(Data(source=str(folder))).parts["train"]
    for cache in ("auto", "none"):
        inside = sources.read(Data(source="zip://::photos.zip", cache=cache)).parts["train"]
        assert torch.equal(in_memory(inside.images), here.images) and list(inside.names) == list(here.names)


def test_a_run_from_an_address_is_evaluated_predicts_and_is_described(store: Counting, tmp_path: Path) -> None:
    address = put_folder(store, classes(tmp_path / "photos", each=EACH), "photos")
    settings = ("data.size=13", "epochs=1", "device=cpu", "batch=4")
    runs = {}
    for name, source in (("here", "photos"), ("there", address)):
        answer = flori("train", "softmax-regression", f"data={source}", *settings, "--run", name, "--quiet")
        assert answer.exit_code == 0, answer.output
        runs[name] = Path(name, "model/model.safetensors").read_bytes()
    assert runs["here"] == runs["there"]
    assert json.loads(Path("there/recipe.json").read_text())["recipe"]["data.source"] == address
    for more in ([], [f"data={address}"]):
        assert flori("evaluate", "there", *more, "--json").exit_code == 0
    said = json.loads(flori("predict", "there", f"{address}/cat/3.png", f"{address}/dog", "--json").stdout)
    assert said["predictions"][0]["input"] == f"{address}/cat/3.png" and len(said["predictions"]) == 1 + EACH
    assert said["predictions"][1]["input"] == f"{address}/dog/0.png"
    described = json.loads(flori("data", address, "--json").stdout)
    assert described["examples"] == {"train": 2 * EACH} and not described["faults"]


def test_texts_at_an_address_are_learnt_from(store: Counting) -> None:
    store.pipe_file("/books/one.txt", GOOD_TEXT.encode())
    for source in ("counting://books", "counting://books/one.txt"):
        answer = flori("train", "ngram", f"data={source}", "data.tokens=word", "--run", f"run{len(source)}", "--quiet")
        assert answer.exit_code == 0, answer.output
        assert json.loads(flori("data", source, "--json").stdout)["examples"]


def test_wrong_addresses_are_refused(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    store.pipe_file("/data/x.csv", GOOD_ROWS.encode())
    before = sorted(Path.cwd().iterdir())
    for address, says in {
        "counting://data/y.csv": "there is no such file or folder",
        "nowhere://data/x.csv": "no package here knows addresses that begin with nowhere",
        "zip://a.csv::none.zip": "there is no such file or folder",
    }.items():
        for verb in (
            ("train", "linear-regression", f"data={address}", "target=y"),
            ("train", "lstm", f"data={address}"),
        ):
            assert_refused(flori(*verb), address.rpartition("::")[2], says)
        answer = flori("data", address)
        assert answer.exit_code == 2 and address in answer.output and says in answer.output

    def denied(self, path, **more):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(Counting, "info", denied)
    assert_refused(flori("train", "mlp", "data=counting://data/x.csv", "target=y"), "Access Denied", "credentials")
    assert [path for path in sorted(Path.cwd().iterdir()) if path.name != "cache"] == before


def test_a_missing_package_is_named() -> None:
    fsspec.register_implementation("lacking", "no_such_package.Files", True, "Install lackfs to read lacking://")
    with pytest.raises(UserError, match=r"^lacking://x\.csv: a package is missing .*pip install .*\(Install lackfs"):
        stores.opened("lacking://x.csv")


def test_a_name_that_leads_out_of_its_folder_is_not_fetched(tmp_path: Path) -> None:
    with zipfile.ZipFile("bad.zip", "w") as packed:
        packed.writestr("cat/../../../../out.png", b"x")
    with pytest.raises(UserError):
        fetching.local("zip://::bad.zip")
    assert not list(tmp_path.rglob("out.png"))
