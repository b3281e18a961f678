"""A run says what goes wrong while it learns, and where a number first stopped being one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import flori
from flori.artifacts import checkpoints
from flori.cli.app import app
from flori.cli.printing import print_json
from flori.core.errors import UserError
from flori.core.overrides import apply_values
from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.objectives.regression import regression
from flori.recipes.beginning import begin
from flori.recipes.catalogue import find
from flori.training import optimizers
from flori.training.glances import FIRST, Glances
from flori.training.state import State
from flori.training.tracing import Origin, trace
from flori.training.updates import descent
from tests.contract import texts

CPU = torch.device("cpu")
SMALL = {"data": "digits", "steps": 60, "batch": 64, "model.hidden": 23}
ILL = {
    "gradients vanish": {"model.hidden": 13, "model.layers": 40, "model.activation": "sigmoid"},
    "have the same weights": {"model.initialisation": "zero"},
    "learning rate is too high": {"lr": 3},
    "is frozen at its random initial weights": {"freeze": "backbone"},
}


@pytest.mark.parametrize("says", ILL)
def test_what_is_wrong_is_said_once_and_kept(says):
    reports = list(flori.steps("mlp", run="run", **{**SMALL, **ILL[says]}))
    said = [remark for report in reports for remark in report.remarks]
    assert says in said[0] and sum(says in remark for remark in said) == 1
    assert flori.load("run").summary["remarks"] == said
    lines = [line["remarks"] for line in flori.load("run").folder.metrics() if "remarks" in line]
    assert [text for line in lines for text in line.values()] == said


@pytest.mark.parametrize(
    ("system", "settings"),
    [
        ("mlp", SMALL),
        ("mlp", {**SMALL, "model.activation": "sigmoid"}),
        ("lenet", {"data": "digits", "steps": 60, "batch": 64}),
        ("softmax-regression", {"data": "digits", "steps": 60}),
        ("linear-regression", {"steps": 60}),
    ],
)
def test_healthy_runs_remark_nothing(system, settings):
    assert not [report for report in flori.steps(system, run="run", **settings) if report.remarks]
    assert "remarks" not in flori.load("run").summary


def test_the_command_remarks_on_standard_error_and_in_json():
    words = [f"{key}={value}" for key, value in {**SMALL, **ILL["learning rate is too high"]}.items()]
    answer = CliRunner().invoke(app, ["train", "mlp", *words, "--quiet", "--json", "--run", "run"])
    assert answer.exit_code == 0 and answer.stderr.count("learning rate is too high") == 1
    assert "learning rate is too high" in json.loads(answer.stdout)["remarks"][0]


def test_a_run_that_goes_on_remembers_what_was_said():
    for report in flori.steps("mlp", run="run", **{**SMALL, **ILL["learning rate is too high"]}):
        if report.step == 40:
            break
    before = flori.load("run").summary["remarks"]
    answer = CliRunner().invoke(app, ["resume", "run", "--quiet"])
    assert answer.exit_code == 0 and "too high" not in answer.stderr
    assert flori.load("run").summary["remarks"][: len(before)] == before


def test_dead_units_are_seen_by_their_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 7), nn.ReLU(), nn.Linear(7, 1))
    nn.init.constant_(model[0].bias, -100)
    model[0].bias.data[0] = 100  # one unit of seven lives
    glances, seen, looked = Glances(model), None, []
    for step in range(1, 100):
        loss = model(torch.randn(5, 3)).square().mean()
        for p, g in zip(model.parameters(), torch.autograd.grad(loss, [*model.parameters()]), strict=True):
            p.grad = g
        due = glances.due
        seen = glances.look(step)
        looked += [step] if glances.due != due else []
        if seen is not None:
            break
    assert looked == [FIRST, 18, 31, 48] and seen.step == 48
    assert seen.idle["0"] == pytest.approx(6 / 7) and seen.idle["2"] == 0.0


STEEP = {"data": "digits", "optimizer": "sgd", "lr": 1e30, "schedule": "constant", "warmup": 0, "steps": 30}


@pytest.mark.parametrize("seconds", [0, 30], ids=["from a checkpoint", "from the beginning"])
def test_a_loss_that_is_no_number_names_where_it_began(seconds):
    settings = {**STEEP, "training.checkpoint_seconds": seconds, "model.hidden": 23}
    settings["training.warmup"] = settings.pop("warmup")
    with pytest.raises(UserError, match=r"in step 2 the output of layers\.2 was the first to be (inf|nan)") as problem:
        flori.train("mlp", run="run", **settings)
    summary = json.loads((Path("run") / "summary.json").read_text())
    assert summary["status"] == "failed" and f"in step {summary['origin']['step']} " in str(problem.value)
    assert summary["origin"]["name"] == "layers.2" and summary["origin"]["kind"] == "activation"
    found, _ = checkpoints.load_newest(Path("run/checkpoints"))
    assert (found is None) == (seconds == 30)


def traced(model, x=None, state=None):
    batch = Batch(torch.randn(5, 3) if x is None else x, torch.randn(5))
    return trace(state or State(model, None), regression(), [batch], CPU, "float32")


class Squashed(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def network(function):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), Squashed(function), nn.Linear(7, 1), nn.Flatten(0))


def test_the_first_tensor_is_named():
    assert traced(network(torch.tanh)) is None
    assert traced(network(torch.log)) == Origin("activation", "1", "nan")
    assert traced(network(lambda x: x / 0)) == Origin("activation", "1", "inf")
    assert traced(network(torch.tanh), torch.full((5, 3), torch.inf)) == Origin("input", "the network", "inf")
    # The root of zero is finite, its slope is not: 0 · ∞ is nan where it meets the slope of a relu.
    assert traced(network(lambda x: (x * 0).sqrt())).kind == "gradient"
    broken = network(torch.tanh)
    broken[2].weight.data[0, 3] = torch.nan
    assert traced(broken) == Origin("weight", "2.weight", "nan")
    large = network(lambda x: x * 0 + 1e30)
    assert traced(large) == Origin("loss", "", "inf")


def test_tracing_moves_no_weights():
    model = network(torch.log)
    options = replace(Training(), optimizer="sgd", lr=0.1)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    model.heads = ("2",)
    state = State(model, optimizers.build(model, options))
    assert traced(model, state=state) is not None
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    descent(regression(), options, 1, CPU, "float32")(state, Batch(torch.randn(5, 3), torch.randn(5)))
    assert not all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_a_network_that_writes_no_numbers_ends_its_run_well(tmp_path):
    """The last update leaves weights that are finite and so large that what they put out is not."""
    words = [f"data={texts.written('Corpus', tmp_path)}", "data.tokens=char", "data.window=16", "model.hidden=7"]
    words += ["steps=1", "lr=3e38", "optimizer=adagrad", "training.clip=none", "schedule=constant", "training.warmup=0"]
    result = CliRunner().invoke(app, ["train", "rnn", *words, "device=cpu", "--run", "run", "--quiet"])
    assert result.exit_code == 0, result.output
    assert "Nothing: what the network says of the next token is no number" in Path("run/report.html").read_text()


def test_a_score_that_is_no_number_is_said_and_is_no_invalid_json(capsys):
    recipe = apply_values(find("mlp"), {**SMALL, "steps": 1, "device": "cpu", "precision": "float32"})
    session, told = begin(recipe, Path("run"), "flori train mlp"), []
    session.tell = told.append
    list(session.reports())
    with torch.no_grad():
        for p in session.run.state.model.parameters():
            p.fill_(3e38)
    summary = session.finish()
    assert summary["remarks"] == told and "the loss of the test part is not a number" in told[0]
    print_json(summary)
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["scores"]["test"]["loss"] is None
