"""flori inspect --landscape: ways down surfaces, and the loss around a trained network's weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import flori
from flori.evaluation.slices import direction, losses
from flori.reference import optimisers as rules
from flori.training.surfaces import SURFACES
from flori.training.trajectories import in_sight, walks
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command

SMALL = {"model.hidden": "5", "batch": 101, "precision": "float32", "device": "cpu"}


@pytest.mark.parametrize("name", SURFACES)
def test_lowest_points_are_lowest_and_flat(name):
    surface = SURFACES[name]
    x, y = (torch.linspace(*ends, 211, dtype=torch.float64) for ends in surface.box)
    heights = surface.height(x[None, :], y[:, None])
    assert float(heights.min()) >= surface.least - 1e-9
    for point in surface.lowest:
        place = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(surface.height(*place), place)
        assert surface.at(*point) == pytest.approx(surface.least, abs=1e-6) and float(slope.norm()) < 1e-3
        assert in_sight(surface, place.detach()[None])
    assert in_sight(surface, torch.tensor([surface.start]).double())


def test_each_rate_walks_by_the_rule_as_if_alone():
    surface, rates = SURFACES["quadratic"], (0.001, 0.013, 0.5)
    found = walks(surface, "momentum", rates, 10, momentum=0.8)
    for way, rate in zip(found, rates, strict=True):
        path = rules.momentum(np.array(surface.start), lambda w: w * [1, 100], [rate] * 10, np.zeros(2), beta=0.8)
        np.testing.assert_allclose(way.points, [surface.start, *path], rtol=1e-12)
        np.testing.assert_allclose(way.heights, 0.5 * (way.points**2) @ torch.tensor([1.0, 100.0]).double())
    assert in_sight(surface, found[0].points) and not in_sight(surface, found[2].points)


def test_all_optimisers_come_down_and_are_told():
    result = command("inspect", "--landscape", "quadratic", "--out", "bowl.png", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    by_name = {way["optimizer"]: way for way in found["ways"]}
    assert [*by_name] == ["gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "muon"]
    assert all(way["height"] < 0.3 for way in found["ways"])  # from 14.5
    assert by_name["momentum"]["arrived"] < (by_name["gd"]["arrived"] or found["steps"])
    assert Path("bowl.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A perceptron that has learnt the digits a little."""
    return flori.train("mlp", run=tmp_path_factory.mktemp("slices") / "run", steps=40, lr=0.03, **SMALL)


def test_the_slice_is_the_loss_at_moved_weights(run):
    before = sorted((p, p.stat().st_mtime_ns) for p in run.path.rglob("*"))
    result = command("inspect", str(run.path), "--landscape", "slice", "--out", "slice.png", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    shifts, plane = found["shifts"], np.array(found["losses"])
    assert plane.shape == (len(shifts), len(shifts)) and shifts[len(shifts) // 2] == 0 and shifts[-1] == 1
    assert plane[len(shifts) // 2, len(shifts) // 2] == found["loss"] < 2.2  # below ln 10
    assert plane[0, 0] > found["loss"] and plane[-1, -1] > found["loss"]
    assert Path("slice.png").read_bytes().startswith(b"\x89PNG")
    assert sorted((p, p.stat().st_mtime_ns) for p in run.path.rglob("*")) == before


def test_directions_are_as_long_as_the_weights_filter_by_filter(run):
    model = run.predictor().model
    found = direction(model, 0, 0)
    weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    assert found.keys() == weights.keys()
    for name, w in weights.items():
        torch.testing.assert_close(found[name].norm(dim=1), w.detach().norm(dim=1))
    other = direction(model, 0, 1)
    assert all(not torch.equal(found[name], other[name]) for name in found)
    torch.testing.assert_close(direction(model, 0, 0), found)


def test_weights_are_moved_by_the_shifts_and_put_back(run):
    model = run.predictor().model
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    towards = [direction(model, 0, number) for number in (0, 1)]
    name = next(iter(towards[0]))
    place = before[name] + 0.3 * towards[0][name] - 0.7 * towards[1][name]
    moved = losses(model, lambda: (dict(model.named_parameters())[name] - place).abs().max(), towards, [(0.3, -0.7)])
    assert next(moved) < 1e-6
    moved.close()
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--landscape", "rosenbrok"), ("rosenbrok", "did you mean 'rosenbrock'?")),
        (("--landscape", "slice"), ("--landscape slice", "name a system")),
        (("--rates",), ("--rates", "name a system")),
        (("mlp", "--landscape", "beale"), ("is of no system or run (mlp)", "slice")),
        (("nowhere", "--landscape", "slice"), ("nowhere is not a run folder",)),
        (("nowhere", "steps=3", "--landscape", "slice"), ("takes no settings", "steps=3")),
        (("--landscape", "beale", "--out", "x.jpg"), ("--out x.jpg", ".png")),
        (("--landscape", "beale", "--rates"), ("--rates and --landscape are views of their own",)),
        ((), ("flori inspect: name a system",)),
    ],
)
def test_what_cannot_be_drawn_is_refused(words, says):
    assert_refused(command("inspect", *words), *says)
    assert not [*Path.cwd().iterdir()]
