"""flori inspect: one view a call, and no option that the view does not heed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flori
from flori.benches import order
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command

REFUSED = {
    "two views": (("lenet", "--graph", "--health"), "--graph and --health are views of their own"),
    "depth without a graph": (("lenet", "--profile", "--depth", "0"), "--depth goes with --graph, not with --profile"),
    "a layer of the summary": (("lenet", "--layer", "1"), "--layer goes with --attention, not with the summary"),
    "memory of a graph": (("lenet", "--graph", "--measure"), "--measure goes with the summary"),
    "a picture of the summary": (("lenet", "--out", "x.png"), "--out: flori inspect draws nothing"),
    "a picture of times": (("lenet", "--profile", "--out", "x.png"), "--out: flori inspect --profile draws nothing"),
    "no system": (("--profile",), "flori inspect --profile: name a system"),
    "an unknown system": (("nowhere", "--order"), "no system is called 'nowhere'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_view_does_not_heed_is_refused(name: str) -> None:
    words, says = REFUSED[name]
    assert_refused(command("inspect", *words), says)
    assert not [*Path.cwd().iterdir()]


@pytest.mark.parametrize("view", [("--rates",), ("--capacity", "batch=31,67"), ("--data-sizes", "101,211")])
def test_views_that_train_take_a_run_s_recipe(view: tuple[str, ...]) -> None:
    """A run is asked as the system under its settings is."""
    words = ("data=digits", "model.hidden=7", "steps=5", "device=cpu", "precision=float32")
    flori.train("mlp", run="r", **dict(word.split("=", 1) for word in words))
    answers = [command("inspect", *asked, *view, "--json") for asked in (("r",), ("mlp", *words))]
    assert [answer.exit_code for answer in answers] == [0, 0], answers[0].output
    of_run, of_system = (json.loads(answer.stdout) for answer in answers)
    assert of_run["system"] == "mlp" and of_run["losses"][:5] == of_system["losses"][:5]


def test_the_order_of_memory_is_of_no_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "races", list)
    answer = command("inspect", "--order", "--json")
    assert answer.exit_code == 0 and answer.stdout == '{\n  "orders": []\n}\n', answer.output
