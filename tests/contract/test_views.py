"""flori inspect: one view a call, and no option that the view does not heed."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_the_order_of_memory_is_of_no_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "races", list)
    answer = command("inspect", "--order", "--json")
    assert answer.exit_code == 0 and answer.stdout == '{\n  "orders": []\n}\n', answer.output
