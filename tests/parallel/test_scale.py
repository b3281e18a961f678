"""flori inspect --scale: measured here, predicted for more workers, with its warnings and its picture."""

import json

import pytest
from typer.testing import CliRunner

from flori.cli import scales
from flori.cli.app import app

SMALL = ("model.hidden=17", "batch=29", "precision=float32")
FAST, SLOW = ("--bandwidth", "1000", "--latency", "0"), ("--bandwidth", "0.001", "--latency", "1000")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scales, "SECONDS", 0.2)


@pytest.fixture
def alone(monkeypatch):
    """No workers are started to measure on this machine."""
    monkeypatch.setattr(scales, "HERE", ())


def inspected(*words):
    done = CliRunner().invoke(app, ["inspect", *words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_two_workers_of_this_machine_are_measured_together(own_folder):
    found = inspected("mlp", *SMALL, "--scale", "2", "--out", "scale.png")
    assert (own_folder / "scale.png").stat().st_size > 10_000
    assert found["parameter_bytes"] == 4 * (64 * 17 + 17 + 17 * 10 + 10)
    assert 1e6 < found["link"]["bandwidth"] < 1e12 and 0 < found["link"]["latency"] < 1
    (here,) = found["here"]
    assert here["workers"] == 2 and here["step"] == pytest.approx(here["compute"] + here["messages"])
    rounds = 2 * (found["link"]["latency"] + found["parameter_bytes"] / 2 / found["link"]["bandwidth"])
    assert here["messages"] == pytest.approx(rounds)


def test_a_table_of_workers(alone):
    found = inspected("lenet", "batch=13", "--scale", "5", *FAST)
    assert [row["workers"] for row in found["workers"]] == [1, 2, 4, 5]
    assert [row["examples_each"] for row in found["workers"]] == [13, 7, 4, 3]
    first, last = found["workers"][0], found["workers"][-1]
    assert set(first["seconds"].values()) == {found["alone"]} and first["efficiency"] == first["speedup"] == 1
    for row in found["workers"][1:]:
        possible = {name: seconds for name, seconds in row["seconds"].items() if seconds is not None}
        assert row["step"] == min(possible.values()) == possible[row["best"]]
        assert row["efficiency"] == pytest.approx(found["alone"] / row["workers"] / row["step"])
    assert last["weak"]["batch"] == 65 and last["weak"]["efficiency"] > 0.9  # messages cost nothing
    assert found["link"] == {"bandwidth": 1e12, "latency": 0}


def test_more_workers_than_pay_are_warned_of(alone):
    found = inspected("mlp", *SMALL, "--scale", "64", *SLOW)
    assert found["warnings"] == ["more than 1 worker would be slower at a batch of 29"]
    assert found["workers"][-1]["efficiency"] < 0.01


TEXT = ("data=text.txt", "data.window=16", "model.width=16")
KINDS = {
    "resnet-cifar": ("data=digits", "model.depth=8", "model.width=0.25"),
    "lstm": (*TEXT, "model.hidden=16", "data.order=sequential"),
    "transformer-lm": (*TEXT, "model.layers=2", "model.heads=2", "model.gram_rows=64"),
}


@pytest.mark.parametrize("system", KINDS)
def test_other_kinds(alone, system, own_folder):
    (own_folder / "text.txt").write_text("a quick brown fox jumps over the lazy dog. " * 99)
    found = inspected(system, *KINDS[system], "batch=4", "training.accumulate=2", "--scale", "4", *FAST)
    assert found["workers"][2]["seconds"]["data"] > 0
    assert all(seconds > 0 for seconds in found["workers"][1]["seconds"].values())
    assert found["targets"] == {"resnet-cifar": 4, "transformer-lm": 4 * 16}.get(system, found["targets"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("linear-regression", "optimizer=closed-form", "--scale", "2"),
            "takes no steps of gradients",
        ),
        (("mlp", "--scale", "2", "--out", "nowhere/scale.png"), "name a .png file"),
        (("mlp", "--scale", "2", "--modes"), "views of their own"),
        (("mlp", "--scale", "0"), "Invalid value"),
    ],
)
def test_what_is_wrong_is_said(alone, words, said):
    done = CliRunner().invoke(app, ["inspect", *words])
    assert done.exit_code == 2 and said in done.output
