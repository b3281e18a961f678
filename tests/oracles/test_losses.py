"""Losses of numbers by name: equal to their equations, and chosen by name."""

import numpy as np
import pytest
import torch
from tests.bad_input.making import GOOD_ROWS

import flori
from flori import models
from flori.core.errors import UserError
from flori.data.batches import Batch
from flori.objectives.regression import LOSSES, regression
from flori.reference import losses as oracle

ERRORS = [-1e3, -2.5, -1.0, -0.3, 0.0, 0.7, 1.0, 1.0000001, 17.0]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_slopes_equal_the_equations(name):
    e = torch.tensor(ERRORS, dtype=torch.float64, requires_grad=True)
    found = LOSSES[name](e)
    (slope,) = torch.autograd.grad(found.sum(), e)
    np.testing.assert_allclose(found.detach(), [getattr(oracle, name)(one) for one in ERRORS], rtol=1e-15)
    np.testing.assert_allclose(slope, [getattr(oracle, f"{name}_slope")(one) for one in ERRORS], rtol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_the_objective_is_the_mean_over_the_batch(name):
    model = models.linear_regression(1, (1,)).double()
    with torch.no_grad():
        model.linear.weight.fill_(1.0)
    batch = Batch(torch.tensor(ERRORS, dtype=torch.float64)[:, None], torch.zeros(len(ERRORS), dtype=torch.float64))
    expected = np.mean([getattr(oracle, name)(one) for one in ERRORS])
    assert float(regression(name).losses(model, batch)["loss"].detach()) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_a_run_learns_and_is_judged_by_the_loss_of_its_name(own_folder, name):
    (own_folder / "rows.csv").write_text(GOOD_ROWS)
    settings = {"data": "rows.csv", "target": "y", "steps": 3, "training.loss": name}
    run = flori.train("linear-regression", run="run", **settings)
    predictor = run.predictor()
    part = predictor.codec.read(run.recipe.data, 0, True)["test"]
    errors = predictor.outputs(part).double() - part.targets
    expected = np.mean([getattr(oracle, name)(one) for one in errors.tolist()])
    assert run.summary["scores"]["test"]["loss"] == pytest.approx(expected, rel=1e-12)
    assert run.evaluate()["scores"]["loss"] == pytest.approx(expected, rel=1e-12)


def test_one_outlier_moves_huber_little_and_squared_much(own_folder):
    lines = ["x,y", *(f"{i},{2 * i}" for i in range(40)), "41,100000"]
    (own_folder / "rows.csv").write_text("\n".join(lines))
    held = {"data": "rows.csv", "target": "y", "seed": 1, "data.test": 0.2, "optimizer": "fista", "data.scale": "none"}
    slopes = {}
    for name in ("squared", "huber"):
        run = flori.train("linear-regression", run=name, **held, **{"training.loss": name})
        low, high = (run.predict(path)[0]["value"] for path in (table(own_folder, 0), table(own_folder, 10)))
        slopes[name] = (high - low) / 10
    assert abs(slopes["huber"] - 2) < 0.5 < 50 < slopes["squared"]


def table(folder, x):
    path = folder / f"at-{x}.csv"
    path.write_text(f"x\n{x}\n")
    return path


@pytest.mark.parametrize(
    ("system", "settings", "says"),
    [
        ("mlp", {"training.loss": "huber"}, "loss=huber does not suit classification"),
        ("perceptron", {"training.loss": "cross-entropy"}, "loss=cross-entropy does not suit classification here"),
        ("linear-regression", {"training.loss": "cross-entropy"}, "loss=cross-entropy does not suit regression"),
        ("linear-regression", {"training.loss": "huber", "optimizer": "closed-form"}, "solves for squared loss"),
        ("linear-regression", {"training.loss": "absolute", "optimizer": "fista"}, "takes steps"),
        ("mlp", {"training.l1": 0.1}, "optimizer=adamw has not"),
        ("linear-regression", {"training.l1": 0.1, "optimizer": "closed-form"}, "fista for linear-regression"),
        ("mlp", {"optimizer": "fista"}, "fista solves linear-regression only"),
        ("mlp", {"optimizer": "perceptron"}, "it is the rule of perceptron only"),
        ("perceptron", {"optimizer": "sgd"}, "it is learnt by optimizer=perceptron"),
    ],
)
def test_what_does_not_go_together_is_refused(system, settings, says):
    with pytest.raises(UserError, match=says):
        flori.train(system, **settings)
