"""What a training step takes: memory predicted and measured, and where its time goes."""

import json

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from flori.cli.app import app
from flori.core.overrides import apply_values
from flori.recipes.assembly import assemble
from flori.recipes.catalogue import find
from flori.recipes.memory import measured, predicted
from flori.recipes.profile import CLIPPING, CLOCK, DATA, LOSS, UPDATE, profiled
from flori.training.ledger import KINDS, Ledger
from tests.contract import texts

NARROW = {"data": "digits", "data.flip": False, "batch": 61, "precision": "float32"}
CASES = {
    "mlp": {"model.hidden": (211, 101)},
    "lenet": {"optimizer": "sgd", "batch": 97},
    "resnet18": {**NARROW, "model.width": 0.1},
    "googlenet": {**NARROW, "model.width": 0.1, "training.accumulate": 2, "training.average": 0.9},
    "lstm": {"model.width": 29, "model.hidden": 53, "batch": 31},
    "transformer-lm": {"model.width": 40, "model.context": 32, "model.gram_rows": 97, "batch": 23},
    "seq2seq-attention": {"model.width": 17, "model.hidden": 19},
}


def run_of(system, folder, **settings):
    kind = type(find(system).data).__name__
    if kind in texts.SETTINGS:
        settings = {**texts.SETTINGS[kind], "data": str(texts.written(kind, folder)), **settings}
    return assemble(apply_values(find(system), {"device": "cpu", "precision": "float32", **settings}))


@pytest.mark.parametrize("system", CASES)
def test_memory_predicted_from_small_steps_is_that_of_a_whole_one(system, tmp_path):
    """Within a tenth of what torch allocates."""
    run = run_of(system, tmp_path, **CASES[system])
    found, held = predicted(run)
    allocated = measured(run)["allocated"]
    assert found.peak == pytest.approx(allocated, rel=0.1)
    assert sum(held.values()) >= found.held > 0
    assert found.weights == sum(t.nbytes for t in [*run.state.model.parameters(), *run.state.model.buffers()])


def test_memory_of_an_update_by_hand():
    """A product holds its input, tanh what it puts out; on the way back they are given up, and gradients are there."""
    model, x = nn.Sequential(nn.Linear(7, 11, bias=False), nn.Tanh(), nn.Linear(11, 3, bias=False)), torch.randn(5, 7)
    ledger = Ledger()
    with ledger.kept():
        y = model(x.clone())
        before = ledger.moment
        for p, slope in zip(model.parameters(), torch.autograd.grad(y.sum(), [*model.parameters()]), strict=True):
            p.grad = slope
        ledger.gradients(model)
    line = dict(zip(KINDS, ledger.timeline(), strict=True))
    assert line["held"][before - 1] == 4 * (5 * 7 + 5 * 11)  # x and tanh
    assert line["gradients"][-1] == 4 * (7 * 11 + 11 * 3)
    assert line["held"][-1] == 0 and line["gradients"][0] == 0


@pytest.mark.parametrize("system", ["mlp", "lenet", "lstm"])
def test_a_profile_counts_every_moment_once(system, tmp_path):
    run = run_of(system, tmp_path, **CASES[system])
    found = profiled(run, 0.2)
    assert sum(found.seconds.values()) == pytest.approx(found.wall, rel=0.03)
    forwards, backwards = ({name for name, way in found.seconds if way == one} for one in ("forward", "backward"))
    assert backwards - {""} <= forwards
    assert {(DATA, ""), (LOSS, ""), (UPDATE, ""), (CLOCK, "")} <= found.seconds.keys()
    assert ((CLIPPING, "") in found.seconds) == (run.recipe.training.clip is not None)
    learnt = {name for name, _ in found.seconds} - {""}
    owners = {name.rpartition(".")[0] for name, _ in run.state.model.named_parameters()}
    assert all(any(owner in name.split(", ") for name in learnt) for owner in owners)


def invoke(*words, status=0):
    result = CliRunner().invoke(app, ["inspect", *words])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def test_summary_of_a_system_and_measured_in_a_process_of_its_own():
    found = json.loads(invoke("lenet", "batch=128", "--measure", "--json").stdout)
    assert found["parameters"] == 61_706  # the book's: 28×28, ten classes
    by_name = {layer["layer"]: layer for layer in found["layers"]}
    assert by_name["features.0"]["receptive_field"] == [5, 5] and by_name["features.3"]["receptive_field"] == [14, 14]
    assert by_name["features.4"]["receptive_field"] == [16, 16]
    assert sum(layer["held"] or 0 for layer in found["layers"]) >= found["memory"]["held"] > 0
    assert found["memory"]["peak"] == pytest.approx(found["measured"]["allocated"], rel=0.1)
    assert "held for the backward pass" in invoke("mlp").stdout


@pytest.mark.parametrize("system", ["ngram", "linear-regression"])
def test_what_takes_no_steps_says_so(system, tmp_path):
    words = ["optimizer=closed-form"]
    if system == "ngram":
        words = [f"data={texts.written('Corpus', tmp_path)}", "data.tokens=char", "data.window=16"]
    assert "not learnt by steps of gradients" in invoke(system, *words).stdout
    assert "no weights that learn by gradients" in invoke(system, *words, "--modes", status=2).output
    assert "data" in invoke(system, *words, "--profile").stdout


def test_views_of_a_system(tmp_path):
    drawn = json.loads(invoke("lenet", "--graph", "--out", str(tmp_path / "a.svg"), "--json").stdout)
    assert drawn["boxes"][0]["kind"] == "x" and (tmp_path / "a.svg").read_text().startswith("<svg")
    modes = json.loads(invoke("mlp", "model.hidden=5", "--modes", "--out", str(tmp_path / "m.png"), "--json").stdout)
    assert modes["inputs"] == 64 * 5 + 5 + 5 * 10 + 10 and (tmp_path / "m.png").stat().st_size > 1000
    profiled = invoke("mlp", "steps=1", "--profile")
    assert "update of the weights" in profiled.stdout and "flori: step 1 of" in profiled.stderr
    assert len(profiled.stderr.splitlines()) < 20  # not a line for each of a hundred steps


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lenett"], "did you mean 'lenet'"),
        (["lenet", "--graph", "--profile"], "are views of their own"),
        (["lenet", "--graph", "--out", "x.png"], "name a .svg file"),
        (["lenet", "--graph", "--out", "nowhere/x.svg"], "in a folder that is there"),
        (["lenet", "bach=3"], "did you mean 'batch'"),
        (["."], "run"),
        (["mlp", "data=nowhere"], "no such file or folder"),
    ],
)
def test_mistakes_are_said_in_one_message(words, said):
    assert said in invoke(*words, status=2).output
