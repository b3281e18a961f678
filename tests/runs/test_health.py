"""Broken networks are named for what they are, and healthy ones are left in peace."""

from __future__ import annotations

import json
import math
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from typer.testing import CliRunner

import flori
from flori import models
from flori.cli.app import app
from flori.core.overrides import apply_values
from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.evaluation.health import diagnose
from flori.objectives.classification import classification
from flori.objectives.objective import Objective
from flori.recipes.catalogue import find
from flori.recipes.examining import examined
from flori.training import optimizers
from flori.training.freezing import freeze
from flori.training.health import examine
from flori.training.relation import Relation, together
from flori.training.state import State
from flori.training.updates import descent
from tests.contract import texts

CPU, STEPS, WHOLE = torch.device("cpu"), 20, 500
SGD = Training(optimizer="sgd", lr=0.05, momentum=0.9)
ADAMW = Training(optimizer="adamw", lr=3e-3)


def digits(scale=1.0, shuffled=False, picture=False):
    """Standardised digits: batches to learn from, and batches held out."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor((images - images.mean()) / images.std() * scale, dtype=torch.float32)
    y = torch.tensor(labels)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    if shuffled:
        y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))]
    if picture:
        x = nn.functional.interpolate(x.view(-1, 1, 8, 8), (12, 12))
    batches = [Batch(*pair) for pair in zip(x.split(64), y.split(64), strict=True)]
    return list(islice(cycle(batches[4:24]), STEPS)), batches[:4]


def names(model, options=SGD, objective=None, loaded=(), **data):
    """The names of all that is found wrong, on digits."""
    objective, (batches, held_out) = objective or classification(), digits(**data)
    state = State(model, optimizers.build(model, options))
    update = descent(objective, options, STEPS, CPU, "float32")
    found = diagnose(examine(state, objective, update, batches, held_out, steps=WHOLE, loaded=loaded))
    return [finding.name for finding in found], found


def mlp(**options):
    torch.manual_seed(0)
    return models.mlp(10, (64,), **{"hidden": (31, 29), **options})


def lenet():
    torch.manual_seed(0)
    return models.lenet(10, (1, 12, 12))


def scaled(model, factor):
    with torch.no_grad():
        for p in model.parameters():
            p *= factor
    return model


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_healthy_perceptron(activation, options):
    assert names(mlp(activation=activation), options)[0] == []


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_fifty_sigmoid_layers(options):
    found, (finding, *_) = names(mlp(hidden=(17,) * 50, activation="sigmoid"), options)
    assert found == ["vanishing-gradients"]
    assert "relu" in finding.change and "layers.0" in finding.seen
    assert int(finding.layer.split(".")[1]) > 80, "near the output, where each layer takes three quarters away"


def test_an_overscaled_deep_network():
    found, (finding, *_) = names(mlp(hidden=(23,) * 30, gain=3.0))
    assert found == ["exploding"] and finding.layer != "layers.0"


@pytest.mark.parametrize("model", [lambda: mlp(gain=10), lambda: scaled(lenet(), 10)], ids=["mlp", "lenet"])
def test_weights_times_ten(model):
    model = model()
    assert names(model, picture=isinstance(model, models.lenet(10, (1, 12, 12)).__class__))[0] == ["exploding"]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_weights_so_large_that_units_saturate(activation):
    found, findings = names(mlp(gain=20, activation=activation, hidden=(31, 29, 23)))
    assert "saturated" in found or "exploding" in found
    assert any("smaller weights" in finding.change for finding in findings)


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_start_of_zero(activation, options):
    found, (finding, *_) = names(mlp(initialisation="zero", activation=activation), options)
    assert found == ["zero-start"] and finding.layer == "layers.0" and "(zero)" in finding.seen


def test_a_start_of_equal_weights_that_are_not_zero():
    model = mlp(activation="tanh")
    nn.init.constant_(model.layers[2].weight, 0.1)
    nn.init.constant_(model.layers[0].weight, 0.1)
    assert names(model)[0] == ["zero-start"]


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_dead_units(options):
    model = mlp()
    nn.init.constant_(model.layers[2].bias, -100)  # far below, but no explosion: they all lie there
    found, (finding, *_) = names(model, options)
    assert found == ["dead-units"] and finding.layer == "layers.2"


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("picture", [False, True], ids=["mlp", "lenet"])
def test_a_learning_rate_a_thousand_times_too_high(options, picture):
    from dataclasses import replace

    model = lenet() if picture else mlp()
    assert names(model, replace(options, lr=1000 * options.lr), picture=picture)[0] == ["learning-rate-high"]


def test_a_learning_rate_a_million_times_too_low():
    assert names(mlp(), Training(optimizer="sgd", lr=5e-8, momentum=0.0))[0] == ["learning-rate-low"]


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("picture", [False, True], ids=["mlp", "lenet"])
def test_inputs_that_are_not_standardised(options, picture):
    assert names(lenet() if picture else mlp(), options, scale=255.0, picture=picture)[0] == ["unscaled-inputs"]


def test_layers_frozen_by_mistake_and_on_purpose():
    model = mlp()
    freeze(model, "backbone")
    found, (finding, *_) = names(model)
    assert found == ["frozen"] and finding.layer == "layers.0" and "1 other layer" in finding.seen
    loaded = [name for name, _ in model.named_parameters()]
    assert names(model, loaded=loaded)[0] == []


def test_a_layer_that_the_optimiser_was_not_given():
    model = mlp()
    forgotten = model.layers[2].weight
    state = State(model, torch.optim.SGD([p for p in model.parameters() if p is not forgotten], 0.05))
    state.optimizer.param_groups[0]["highest"] = 0.05
    batches, held_out = digits()
    update = descent(classification(), SGD, STEPS, CPU, "float32")
    found = diagnose(examine(state, classification(), update, batches, held_out, steps=WHOLE))
    assert [(finding.name, finding.layer) for finding in found] == [("frozen", "layers.2")]


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("picture", [False, True], ids=["mlp", "lenet"])
def test_shuffled_labels(options, picture):
    found, (finding, *_) = names(lenet() if picture else mlp(), options, shuffled=True, picture=picture)
    assert found == ["labels"] and "p = " in finding.seen


def test_shuffled_labels_are_seen_with_any_seed():
    """A test at p = 0.01, twice and together: about three shuffles in a hundred may pass."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor((images - images.mean()) / images.std(), dtype=torch.float32)[:512]
    seen = 0
    for seed in range(12):
        torch.manual_seed(seed)
        y = torch.tensor(labels)[torch.randperm(len(labels))[:512]]
        batches = [Batch(*pair) for pair in zip(x.split(64), y.split(64), strict=True)]
        model = models.mlp(10, (64,), hidden=(7,))
        state = State(model, optimizers.build(model, SGD))
        update = descent(classification(), SGD, 4, CPU, "float32")
        found = examine(state, classification(), update, batches[:4], batches[4:], steps=WHOLE, seed=seed)
        seen += [one.name for one in diagnose(found)] == ["labels"]
    assert seen >= 11


@pytest.mark.parametrize("options", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_a_loss_that_is_a_sum(options):
    mean = classification()

    def losses(model, batch):
        return {"loss": mean.losses(model, batch)["loss"] * len(batch)}

    found, (finding, *_) = names(mlp(), options, Objective(losses, count=len))
    assert found == ["summed-loss"] and "2.00 times" in finding.seen


HEALTHY = {
    "mlp": {"data": "digits"},
    "lenet": {"data": "digits", "batch": 64},
    "softmax-regression": {"data": "digits"},
    "resnet-cifar": {"data": "digits", "model.depth": 8, "model.width": 0.5, "data.flip": False, "data.shift": 1},
    "lstm": {"model.width": 16, "model.hidden": 24, "batch": 8, "data.window": 16},
    "transformer-lm": {
        "model.width": 32,
        "model.hidden": 48,
        "model.layers": 2,
        "model.context": 32,
        "batch": 8,
        "data.window": 16,
    },
}


@pytest.mark.parametrize("system", HEALTHY)
def test_recipes_are_healthy(system, tmp_path):
    corpus = {"data": str(texts.written("Corpus", tmp_path)), "data.tokens": "char"}
    given = {**({} if "data" in HEALTHY[system] else corpus), **HEALTHY[system]}
    found = examined(apply_values(find(system), given))
    assert diagnose(found) == []
    assert len(found.losses) == STEPS and found.losses[-1] < found.losses[0]


BROKEN = {
    "vanishing-gradients": ["model.hidden=16", "model.layers=50", "model.activation=sigmoid"],
    "exploding": ["model.gain=10"],
    "zero-start": ["model.initialisation=zero"],
    "learning-rate-high": ["lr=3"],
    "frozen": ["freeze=backbone"],
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_command_names_what_settings_break(name):
    answer = CliRunner().invoke(app, ["inspect", "mlp", *BROKEN[name], "--health", "--json", "--out", "picture.png"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert [finding["name"] for finding in told["findings"]] == [name] and not told["healthy"]
    assert Path("picture.png").stat().st_size > 10_000
    assert {layer["name"] for layer in told["start"]} == {layer["name"] for layer in told["end"]}


def test_the_command_says_so_in_sentences():
    answer = CliRunner().invoke(app, ["inspect", "mlp", *BROKEN["vanishing-gradients"], "--health"])
    assert "Gradients vanish: at layers." in answer.stdout and "model.activation=relu" in answer.stdout
    assert "layers.100" in answer.stdout and Path("health.png").is_file()


def test_shuffled_labels_of_a_table(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 5))
    y = (x @ np.arange(1, 6) > 0).astype(int)
    for name, labels in (("true", y), ("shuffled", draw.permutation(y))):
        rows = [",".join(map(str, [*row, "yes" if label else "no"])) for row, label in zip(x, labels, strict=True)]
        Path(f"{name}.csv").write_text("\n".join(["a,b,c,d,e,y", *rows]))
    healthy, shuffled = (
        diagnose(examined(apply_values(find("mlp"), {"data": f"{name}.csv", "target": "y"})))
        for name in ("true", "shuffled")
    )
    assert healthy == [] and [finding.name for finding in shuffled] == ["labels"]


def test_a_run_is_looked_at_as_it_was_trained():
    flori.train("mlp", data="digits", steps=60, run="run", **{"model.hidden": 23})
    before = {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}
    answer = CliRunner().invoke(app, ["inspect", "run", "--health", "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["healthy"] and told["trained"] and told["losses"] == [] and told["system"] == "mlp"
    assert before == {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}, "nothing is written there"
    trained = flori.load("run").predictor().model.layers[0].weight.detach()
    assert told["end"][0]["weight"] == pytest.approx(float(trained.square().mean().sqrt()), rel=1e-6)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["linear-regression", "optimizer=closed-form"], "optimizer=sgd"),
        (["nothing"], "no system is called"),
        (["mlp", "lr=x"], "lr=x"),
        (["mlp", "--out", "there/health.png"], "--out"),
        (["mlp", "--attention", "a"], "views of their own"),
    ],
)
def test_what_is_refused(words, says):
    answer = CliRunner().invoke(app, ["inspect", *words, "--health"])
    assert answer.exit_code == 2 and says in answer.output and not list(Path().iterdir())


def test_measured_numbers_equal_those_of_a_worked_example():
    """One layer of two inputs and three units, of which one is dead; the loss is half the mean square of the sum."""
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU())
    model[0].weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, -1.0]])
    x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

    def losses(model, batch):
        return {"loss": 0.5 * model(batch.inputs).sum(1).square().mean()}

    found = examine(State(model, None), Objective(losses, count=len), None, [Batch(x, torch.zeros(2))], steps=1)
    (layer,) = found.start
    z = x.numpy() @ model[0].weight.detach().numpy().T  # [[1, 4, -3], [3, 2, -4]]
    assert layer.size == pytest.approx(math.sqrt((z**2).mean())) and layer.spread == pytest.approx(z.std())
    assert layer.dead == pytest.approx(1 / 3)
    sums = np.maximum(z, 0).sum(1)  # 5, 5: the gradient of each unit above zero is sum / 2
    assert layer.gradient == pytest.approx(math.sqrt(sum(2 * (s / 2) ** 2 for s in sums)))
    assert layer.weight == pytest.approx(math.sqrt(7 / 6)) and found.inputs == [1.0, 1.0]


def test_two_tests_together_are_fishers():
    from scipy.stats import combine_pvalues

    for one, other in ((0.02, 0.04), (0.5, 0.3), (1.0, 0.01)):
        pair = (Relation(0.0, 0.0, p, 1) for p in (one, other))
        assert together(*pair) == pytest.approx(combine_pvalues([one, other]).pvalue)
    assert together(Relation(0.0, 0.0, 0.3, 1), None) == 0.3
