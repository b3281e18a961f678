"""Weights to begin from that cannot be read, are no weights, or do not fit: nothing of them is ever run."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from flori import models
from tests.bad_input.asking import refused
from tests.bad_input.making import encoded, put


class Trap:
    """Pickled: a call that leaves a file behind when it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("sprung"),))


def _lenet() -> dict[str, torch.Tensor]:
    return models.lenet().state_dict()


def _cut(path: str) -> None:
    torch.save(_lenet(), path)
    body = Path(path).read_bytes()
    Path(path).write_bytes(body[: len(body) // 2])


def _script(path: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/constants.pkl", pickle.dumps(()))
        archive.writestr("archive/version", "3")


FILES = {
    "cut short": ("x.pth", _cut, "is no whole file of tensors"),
    "empty": ("x.pth", lambda path: put(Path(path), b""), "is no whole file of tensors"),
    "a text": ("x.pth", lambda path: put(Path(path), "weights"), "is no whole file of tensors"),
    "a picture": ("x.bin", lambda path: put(Path(path), encoded()), "is no whole file of tensors"),
    "a whole network": ("x.pt", lambda path: torch.save(nn.Linear(3, 5), path), "state_dict()"),
    "a trap": ("x.pth", lambda path: torch.save({"w": Trap()}, path), "nothing else in it is ever run"),
    "a trap of old": ("x.pth", lambda path: put(Path(path), pickle.dumps(Trap())), "nothing else in it is ever run"),
    "a script": ("x.pt", _script, "is no whole file of tensors"),
    "a number": ("x.pth", lambda path: torch.save(7, path), "of the type int"),
    "a list": ("x.pth", lambda path: torch.save([torch.ones(3)], path), "of the type list"),
    "one tensor": ("x.pth", lambda path: torch.save(torch.ones(3), path), "of the type Tensor"),
    "no dictionary of tensors": ("x.pth", lambda path: torch.save({"w": "text"}, path), "'w' is of the type str"),
    "numbers for names": ("x.pth", lambda path: torch.save({3: torch.ones(3)}, path), "3 is of the type Tensor"),
    "an optimiser's state": (
        "x.pth",
        lambda path: torch.save({"state": {}, "groups": []}, path),
        "'state' is of the type",
    ),
    "nothing": ("x.pth", lambda path: torch.save({}, path), "holds no weights at all"),
    "nothing within": ("x.pth", lambda path: torch.save({"state_dict": {}}, path), "holds no weights at all"),
    "no numbers": ("x.pth", lambda path: torch.save({"w": torch.tensor([1.0, torch.nan])}, path), "infinite or none"),
    "sparse": ("x.pth", lambda path: torch.save({"w": torch.eye(3).to_sparse()}, path), "no tensor of plain numbers"),
    "complex": ("x.pth", lambda path: torch.save({"w": torch.ones(3) * 1j}, path), "no tensor of plain numbers"),
    "an empty .safetensors": ("x.safetensors", lambda path: put(Path(path), b""), "no whole .safetensors file"),
    "text as .safetensors": ("x.safetensors", lambda path: put(Path(path), "weights"), "no whole .safetensors file"),
    "no tensor in .safetensors": (
        "x.safetensors",
        lambda path: safetensors.torch.save_file({}, path),
        "no weights at all",
    ),
    "another ending": ("x.h5", lambda path: put(Path(path), b"HDF"), "no file of weights by its name: .safetensors"),
    "not there": ("x.pth", lambda path: None, "no such file or folder"),
    "another network's": (
        "x.pth",
        lambda path: torch.save(_lenet(), path),
        "none of its weights fits this network; it has features.0.weight 6×1×5×5",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused(name: str) -> None:
    path, write, says = FILES[name]
    write(path)
    refused(
        "mlp", f"init={path}", says=(f"init={Path(path).absolute()}" if Path(path).exists() else f"init={path}", says)
    )
    assert not Path("sprung").exists()


def test_a_trap_springs_for_whoever_unpickles_it() -> None:
    """So that the tests above can fail."""
    pickle.loads(pickle.dumps(Trap()))
    assert Path("sprung").exists()


def test_a_folder_that_is_no_run_is_refused() -> None:
    Path("empty").mkdir()
    refused("lenet", "init=empty", says=("empty: is no run: ", "model/model.safetensors"))


def test_a_run_without_a_model_is_refused(runs: Path) -> None:
    shutil.copytree(runs / "pictures", "begun", ignore=shutil.ignore_patterns("model"))
    refused("lenet", "init=begun", says=("begun: the run holds no model yet", "flori resume"))


def test_a_run_with_a_damaged_preparation_is_refused(runs: Path) -> None:
    shutil.copytree(runs / "pictures", "begun")
    Path("begun/model/preprocessing.json").write_text("{}")
    refused("lenet", "init=begun", says=("begun/model/preprocessing.json is not what flori writes there",))


def test_a_run_on_other_columns_is_refused(runs: Path) -> None:
    rows = "y,a,b,c\n" + "".join(f"{i},{i},{i % 3},{i % 7}\n" for i in range(20))
    Path("rows.csv").write_text(rows)
    says = ("learnt from the columns x, kind=a, kind=b", "data=", "rows.csv")
    refused("linear-regression", "data=rows.csv", "target=y", f"init={runs / 'table'}", says=says)


FREEZE = {
    "a word": ("lenet", "freeze=head", "freeze=head: must be stem, backbone, or a number of lowest layers"),
    "half a layer": ("lenet", "freeze=1.5", "must be stem, backbone"),
    "none": ("lenet", "freeze=0", "has 4 layers below its last; from 1 to 4"),
    "too many": ("lenet", "freeze=5", "has 4 layers below its last; from 1 to 4"),
    "less than none": ("lenet", "freeze=-1", "must be stem, backbone"),
    "all there is": ("softmax-regression", "freeze=stem", "has no layer below its last"),
    "a rate below zero": ("lenet", "lr.head=-1", "lr.head=-1: must be at least 0"),
}


@pytest.mark.parametrize("name", FREEZE)
def test_what_cannot_be_frozen_is_named(name: str) -> None:
    system, word, says = FREEZE[name]
    refused(system, word, says=(says,))
