"""Workers that do not pay are warned of, by what their first steps and those of one alone take."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from flori.core.overrides import apply_values
from flori.core.ranks import Ranks
from flori.data.shares import Share
from flori.recipes import paying
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find
from flori.recipes.paying import FIRST, LAST, Paying, judged
from flori.training.mesh import Order
from tests.parallel.groups import run_together


def of_two(**settings: object) -> Assembly:
    """The first of two workers, as far as can be seen without the other."""
    recipe = apply_values(find("mlp"), {"data": "digits", "steps": 300, "batch": 29, "model.dropout": 0.3, **settings})
    ranks = Ranks(0, 2)
    return dataclasses.replace(assemble(recipe), order=Order(ranks, ranks), share=Share(ranks))


@pytest.mark.parametrize(("together", "said"), [(9.9, 1), (1e-7, 0)])
def test_it_is_said_once_after_the_first_steps(together, said):
    run = of_two()
    weights, threads, random = run.state.model.state_dict(), torch.get_num_threads(), torch.random.get_rng_state()
    before = {name: t.clone() for name, t in weights.items()}
    watch = Paying(run)
    found = [watch.look(together) for _ in range(3 * LAST)]
    assert sum(one is not None for one in found) == said and (found[LAST - 1] is not None) == bool(said)
    assert all(torch.equal(before[name], t) for name, t in run.state.model.state_dict().items())
    assert torch.get_num_threads() == threads and torch.equal(torch.random.get_rng_state(), random)


def test_the_first_steps_do_not_count(monkeypatch):
    monkeypatch.setattr(paying, "alone", lambda run: 0.5)
    watch = Paying(of_two())
    assert all(watch.look(9.0 if step < FIRST else 0.4) is None for step in range(2 * LAST))


def test_what_is_said():
    assert judged(2, 0.0052, 0.005) is None
    said = str(judged(2, 0.0081, 0.005))
    assert "2 workers take 8.1 ms a step, one alone 5 ms" in said and "Fewer workers" in said


@pytest.mark.parametrize("settings", [{"steps": 150}, {"parallel": "shard"}, {"optimizer": "gd"}])
def test_where_it_is_not_tried(settings, monkeypatch):
    monkeypatch.setattr(paying, "alone", lambda run: 0.0)
    watch = Paying(of_two(**settings))
    assert all(watch.look(1.0) is None for _ in range(2 * LAST))


@pytest.mark.long
def test_a_small_network_on_two_workers_warns(own_folder):
    words = ("softmax-regression", "steps=220", "batch=8", "data.examples=55", "parallel.slow=1:40", "--dir", "run")
    status, _, said = run_together(2, "-m", "--", "flori", "train", *words)
    assert status == 0 and said.count("they do not pay") == 1, said
    summary = json.loads(Path("run/summary.json").read_text())
    assert any("2 workers take" in remark for remark in summary["remarks"])


def test_workers_that_have_parts_of_the_network_are_not_compared(monkeypatch):
    """One alone would step with a network that is cut."""
    monkeypatch.setattr(paying, "alone", lambda run: pytest.fail("a trial was made"))
    run = of_two()
    cut = Paying(dataclasses.replace(run, order=Order(run.ranks, stages=run.ranks)))
    assert all(cut.look(9.9) is None for _ in range(LAST + 1))
