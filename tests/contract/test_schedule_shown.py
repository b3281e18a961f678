"""flori show draws the schedule of the learning rate, and tells it as numbers."""

from __future__ import annotations

import json

import pytest

from flori.cli.schedule import LEVELS, sparkline
from flori.reference.schedules import share
from tests.bad_input.asking import flori


def shown(*words):
    result = flori("show", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["schedule"]


@pytest.mark.parametrize("name", ["linear", "step", "cosine"])
def test_the_rates_are_the_formulas(name):
    settings = ["steps=997", "lr=0.3", f"schedule={name}", "training.warmup=0.1", "training.until=0.7"]
    found = shown("mlp", *settings, "training.floor=0.05")
    assert found["name"] == name and found["step"][0] == 0 and found["step"][-1] == 996 and max(found["rate"]) == 0.3
    expected = [0.3 * share(name, k, 100, 698, 0.05) for k in found["step"]]
    assert found["rate"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 63, 64, 65])
def test_few_steps_are_each_drawn(steps):
    found = shown("mlp", f"steps={steps}", "training.warmup=0")
    assert found["step"] == list(range(steps)) or steps == 65


def test_without_a_number_of_steps_shares_are_told():
    found = shown("mlp", "epochs=3")
    assert found["steps"] is None and found["step"] is None and found["share"][0] == 0 and found["share"][-1] < 1


def test_what_is_learnt_at_once_has_none():
    assert shown("linear-regression", "optimizer=closed-form") is None


def test_the_bars_are_as_high_as_the_numbers():
    assert sparkline([0, 1, 2, 4, 8]) == LEVELS[0] + LEVELS[1] + LEVELS[2] + LEVELS[4] + LEVELS[7]
    assert sparkline([0.0, 0.0]) == LEVELS[0] * 2 and sparkline([]) == ""
    lines = flori("show", "mlp", "schedule=constant", "training.warmup=0", "steps=64").stdout.splitlines()
    assert any("constant over 64 steps" in line for line in lines) and f"  {'█' * 64}" in lines
