"""Runs that begin from other weights: what is taken, what stays frozen, what learns, going on without the source."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import flori
from flori import models
from flori.artifacts import checkpoints
from flori.core.errors import UserError
from flori.core.recipe import Training
from flori.core.texts import Text
from flori.data.sources import read
from flori.recipes.catalogue import ALL, find
from flori.training import optimizers
from flori.training.freezing import freeze
from flori.training.transfer import transfer
from tests.bad_input.asking import flori as command
from tests.runs.processes import same, weights

SHORT = {"steps": 3, "batch": 61}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of lenet on digits, to begin others from."""
    folder = tmp_path_factory.mktemp("source") / "run"
    return flori.train("lenet", run=folder, steps=20, batch=64).path


def pictures(folder: Path, **named: str) -> Path:
    """A few digits as files, each under the name of its class in the new set."""
    raw = read(find("lenet").data)
    part = raw.parts["train"]
    for name, digit in named.items():
        (folder / name.strip("_")).mkdir(parents=True)
        for i in (part.targets == int(digit)).nonzero().flatten()[:12].tolist():
            Image.fromarray(part.images[i, 0].numpy()).save(folder / name.strip("_") / f"{i}.png")
    return folder


@pytest.mark.parametrize("system", [recipe.system for recipe in ALL if not isinstance(recipe.data, Text)])
def test_every_network_names_its_heads(system):
    """With other classes the heads alone change their shapes."""
    one_number = system in ("linear-regression", "nadaraya-watson")
    shape = (7,) if one_number else (3, 37, 41)
    with torch.device("meta"):
        made = [models.BUILDERS[system](k, shape) for k in ((1, 1) if one_number else (5, 7))]
    assert all(isinstance(made[0].get_submodule(head), nn.Module) for head in made[0].heads)
    few, more = (model.state_dict() for model in made)
    for name in few:
        in_head = any(name.startswith(f"{head}.") for head in made[0].heads)
        assert in_head or few[name].shape == more[name].shape, name


@pytest.mark.parametrize("end", ["", "model", "model/model.safetensors"])
def test_a_run_begins_where_another_ended(source, end):
    """With a rate of zero nothing moves: the weights are the source's, and so is the standardising."""
    run = flori.train("lenet", run="run", init=str(source / end), lr=0, **SHORT)
    assert same(weights(run.path), weights(source))
    preparation = (json.loads((p / "model/preprocessing.json").read_text()) for p in (run.path, source))
    assert next(preparation) == next(preparation)


def test_weights_of_another_system_are_named(source, tmp_path):
    with pytest.raises(UserError, match="it is a run of lenet, this is mlp"):
        flori.train("mlp", run=tmp_path / "run", init=str(source), **SHORT)


def test_how_the_other_network_was_made_is_told(tmp_path):
    first = flori.train("mlp", run=tmp_path / "first", **{"model.hidden": (17, 13)}, **SHORT).path
    told = command("train", "mlp", f"init={first}", "steps=1", "--run", str(tmp_path / "run"), "--quiet")
    assert told.exit_code == 2 and "its network was made with model.hidden=17,13" in told.stderr, told.output


def test_rows_of_classes_that_both_know_are_reused(source):
    folder = pictures(Path("few"), _8="8", _3="3", cat="9", _5="5")
    answer = command("train", "lenet", f"data={folder}", f"init={source}", "lr=0", "steps=1", "--run", "run", "--quiet")
    assert answer.exit_code == 0, answer.output
    assert "rows of 3 classes reused: 3, 5, 8" in answer.stderr
    ours, theirs = weights(Path("run")), weights(source)
    assert json.loads(Path("run/model/preprocessing.json").read_text())["labels"] == ["3", "5", "8", "cat"]
    for name in ("classifier.4.weight", "classifier.4.bias"):
        assert torch.equal(ours[name][:3], theirs[name][[3, 5, 8]])
        assert not ours[name][3].any() or name.endswith("bias")  # lenet's last weights begin at zero
    assert torch.equal(ours["features.3.weight"], theirs["features.3.weight"])


def test_fewer_classes_in_another_order_take_their_rows(source):
    source_labels = json.loads((source / "model/preprocessing.json").read_text())["labels"]
    model, theirs = models.lenet(3, (1, 28, 28)), weights(source)
    taken = transfer(model, theirs, source_labels, ["7", "0", "4"], "")
    assert torch.equal(model.classifier[4].weight, theirs["classifier.4.weight"][[7, 0, 4]])
    assert not taken.left and taken.classes == ["7", "0", "4"]


def test_a_head_of_several_layers_is_taken_for_the_same_classes_alone():
    ours, theirs = (models.nin(3, (1, 13, 13), width=0.1) for _ in range(2))
    for p in theirs.parameters():
        nn.init.normal_(p)
    taken = transfer(ours, theirs.state_dict(), ["a", "b", "c"], ["c", "b", "a"], "")
    assert {*taken.left} == {name for name in ours.state_dict() if name.startswith("head.")} and not taken.classes
    assert not transfer(ours, theirs.state_dict(), ["a", "b", "c"], ["a", "b", "c"], "").left


FROZEN = {
    "stem": ["conv1", "bn1"],
    "2": ["conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1"],
    "backbone": ["conv1", "bn1", "layer1", "layer2", "layer3"],
}


@pytest.mark.parametrize("wanted", FROZEN)
def test_frozen_layers_stay_and_the_others_move(wanted):
    """Weights and running statistics of frozen layers are equal bit for bit after training; all others changed."""
    settings = {"model.depth": 8, "model.width": 0.25, "data": "digits", "lr": 0.1, "precision": "float32", **SHORT}
    torch.manual_seed(0)
    start = models.resnet_cifar(10, (1, 8, 8), depth=8, width=0.25)
    for p in start.parameters():
        nn.init.normal_(p, std=0.3)
    torch.save(start.state_dict(), "start.pth")
    run = flori.train(
        "resnet-cifar", run="run", init="start.pth", freeze=wanted, **{"training.average": 0.9}, **settings
    )
    final = weights(run.path)
    for name, before in start.state_dict().items():
        frozen = any(name.startswith(f"{module}.") for module in FROZEN[wanted])
        if not name.startswith("fc."):
            assert torch.equal(final[name], before) == frozen, name
    assert run.summary["parameters"] == sum(p.numel() for p in start.parameters())


def test_dropout_between_frozen_layers_is_off_and_after_them_on():
    model = models.mlp(3, (5,), hidden=(7, 11), dropout=0.5)
    frozen = freeze(model, "backbone")
    assert frozen == [model.layers[i] for i in range(4)]  # the last dropout feeds the head, which learns
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["layers.6.weight", "layers.6.bias"]


def test_the_head_has_a_rate_of_its_own():
    """The optimiser's step is a rate times the gradient: with plain SGD the moves are in proportion."""
    moves = []
    for lr_head in (None, 0.3):
        model = models.mlp(3, (5,), hidden=(7,))
        options = Training(optimizer="sgd", lr=0.1, lr_head=lr_head, weight_decay=0.0)
        found = optimizers.build(model, options)
        rates = {id(p): group["highest"] for group in found.param_groups for p in group["params"]}
        moves.append([rates[id(p)] for p in model.parameters()])
    assert moves == [[0.1] * 4, [0.1, 0.1, 0.3, 0.3]]


@pytest.mark.parametrize(("settings", "still"), [({"lr.head": 0}, "classifier.4."), ({"lr": 0, "lr.head": 0.1}, "f")])
def test_a_rate_of_zero_keeps_its_part(source, settings, still):
    settings = {**SHORT, "optimizer": "sgd", "lr": 0.1, **settings}
    run = flori.train("lenet", run="run", init=str(source), **settings)
    for name, before in weights(source).items():
        kept = name.startswith(still) if still != "f" else not name.startswith("classifier.4.")
        assert torch.equal(weights(run.path)[name], before) == kept, name


def stopped(source: Path, step: int, **more: object) -> None:
    """A run from a copy of the source that is gone when the run goes on."""
    shutil.copytree(source, "copy")
    settings = {**SHORT, "steps": 6, "freeze": "2", "lr.head": 0.01, "training.average": 0.9, "data.shift": 1}
    flori.train("lenet", run="whole", init="copy", **settings)
    for report in flori.steps("lenet", run="run", init="copy", **settings):
        if report.step == step:
            break
    shutil.rmtree("copy")


def test_a_run_goes_on_without_its_source(source):
    stopped(source, 3)
    assert command("resume", "run", "--quiet").exit_code == 0
    assert same(weights(Path("run")), weights(Path("whole")))
    states = [checkpoints.load_newest(Path(run) / "checkpoints")[0].tensors for run in ("run", "whole")]
    assert same(*states)


def test_a_run_killed_before_its_first_step_goes_on_without_its_source(source):
    """What is on the disk then: the recipe and the checkpoint of step 0."""
    stopped(source, 3)
    shutil.rmtree("run/checkpoints/step-00000003")
    for name in ("metrics.jsonl", "summary.json"):
        Path("run", name).unlink()
    assert command("resume", "run", "--quiet").exit_code == 0
    assert same(weights(Path("run")), weights(Path("whole")))


def test_a_run_without_a_whole_checkpoint_does_not_begin_at_random(source):
    stopped(source, 3)
    shutil.rmtree("run/checkpoints")
    answer = command("resume", "run", "--quiet")
    assert answer.exit_code == 2 and "no whole checkpoint is left" in answer.stderr


def test_a_full_disk_at_the_start_leaves_no_folder(source, monkeypatch):
    monkeypatch.setattr(checkpoints, "put", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="disk is full"):
        flori.train("lenet", run="run", init=str(source), **SHORT)
    assert not Path("run").exists()


def test_freezing_what_was_not_loaded_is_told():
    torch.save(models.lenet(10, (1, 28, 28)).state_dict() | {"features.0.weight": torch.ones(6, 1, 3, 3)}, "x.pth")
    answer = command("train", "lenet", "init=x.pth", "freeze=stem", "steps=1", "--run", "run", "--quiet")
    assert "frozen though not loaded: features.0.weight, features.0.bias" in answer.stderr


def test_clipping_works_with_frozen_layers(source):
    run = flori.train("lenet", run="run", init=str(source), freeze="backbone", **{"training.clip": 0.1}, **SHORT)
    moved = {name for name, before in weights(source).items() if not torch.equal(weights(run.path)[name], before)}
    assert moved == {"classifier.4.weight", "classifier.4.bias"}
