"""Weight decay and L1: equal to their equations, and where they lead equal to scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.optimize import minimize
from sklearn import linear_model
from torch import nn

import flori
from flori.core.overrides import apply_values
from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.data.examples import Part
from flori.models import linear_regression
from flori.objectives.regression import regression
from flori.recipes.beginning import begin
from flori.recipes.catalogue import find
from flori.reference import losses
from flori.reference import penalties as oracle
from flori.training import optimizers
from flori.training.proximal import at_its_rate, shrink, shrunk
from flori.training.state import State
from flori.training.updates import descent, solution

rng = np.random.default_rng(31)
X, Y = rng.normal(size=(43, 7)) + 0.3, rng.normal(size=43) + 2
Y += X[:, 0] - 0.5 * X[:, 3]
WIDE, SHORT = rng.normal(size=(17, 31)), rng.normal(size=17)


class Quadratic(nn.Module):
    """½(w − w*)ᵀH(w − w*) + ½b², a weight matrix of one row and a bias."""

    heads = ()

    def __init__(self, H, w_star, start):
        super().__init__()
        self.H, self.w_star = torch.tensor(H), torch.tensor(w_star)
        self.weight = nn.Parameter(torch.tensor(start)[None].clone())
        self.bias = nn.Parameter(torch.full((1,), 0.7, dtype=torch.float64))

    def loss(self):
        away = self.weight[0] - self.w_star
        return 0.5 * away @ self.H @ away + 0.5 * self.bias.square().sum()


def stepped(model, options, steps):
    """The model after steps of the optimiser of some options, as `descent` takes them."""
    optimizer = optimizers.build(model, options)
    for _ in range(steps):
        for p, slope in zip(
            model.parameters(), torch.autograd.grad(model.loss(), list(model.parameters())), strict=True
        ):
            p.grad = slope
        optimizer.step()
        shrink(optimizer)
    return model


@pytest.fixture
def bowl():
    root = rng.normal(size=(5, 5))
    return root @ root.T / 5 + 0.1 * np.eye(5), rng.normal(size=5), rng.normal(size=5)


def test_a_step_of_weight_decay_equals_the_rule_and_leaves_biases_alone(bowl):
    H, w_star, w = bowl
    model = stepped(Quadratic(H, w_star, w), Training(lr=0.1, momentum=0.0, weight_decay=0.3), 1)
    expected = oracle.decay(w, H @ (w - w_star), 0.1, 0.3)
    np.testing.assert_allclose(model.weight[0].detach(), expected, rtol=0, atol=1e-15)
    assert float(model.bias.detach()) == pytest.approx(0.7 - 0.1 * 0.7, abs=1e-15)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_weight_decay_leads_to_the_ridge_of_the_eigenvectors(bowl, momentum):
    H, w_star, w = bowl
    model = stepped(Quadratic(H, w_star, w), Training(lr=0.2, momentum=momentum, weight_decay=0.3), 500)
    expected = oracle.least_with_decay(H, w_star, 0.3)
    np.testing.assert_allclose(model.weight[0].detach(), expected, rtol=0, atol=1e-9)


def test_a_proximal_step_equals_the_rule(bowl):
    H, w_star, w = bowl
    model = stepped(Quadratic(H, w_star, w), Training(lr=0.1, momentum=0.0, l1=2.0), 1)
    expected = oracle.proximal(w, H @ (w - w_star), 0.1, 2.0)
    np.testing.assert_allclose(model.weight[0].detach(), expected, rtol=0, atol=1e-15)
    assert float(model.bias.detach()) == pytest.approx(0.63, abs=1e-15)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_proximal_steps_lead_to_the_least_of_a_diagonal_quadratic(bowl, momentum):
    _, w_star, w = bowl
    diagonal = np.array([0.3, 0.7, 1.1, 1.3, 1.7])
    model = stepped(Quadratic(np.diag(diagonal), w_star, w), Training(lr=0.2, momentum=momentum, l1=0.5), 500)
    expected = oracle.least_with_l1(diagonal, w_star, 0.5)
    np.testing.assert_allclose(model.weight[0].detach(), expected, rtol=0, atol=1e-9)
    assert (model.weight[0].detach() == 0).tolist() == [w_j == 0 for w_j in expected] and 0.0 in expected


def test_shrinking_equals_the_rule():
    v = [-3.0, -0.5, -0.49, 0.0, 0.2, 0.5, 7.0]
    assert shrunk(torch.tensor(v), 0.5).tolist() == [oracle.shrink(one, 0.5) for one in v]


def fitted(inputs, targets, options, steps, loss="squared"):
    """Weights and bias of a linear regression after so many steps on all rows at once."""
    model = linear_regression(1, (inputs.shape[1],)).double()
    batch = Batch(torch.tensor(inputs), torch.tensor(targets))
    if options.optimizer == "fista":
        options = at_its_rate(options, Part(batch.inputs, batch.targets, []))
    state = State(model, optimizers.build(model, options))
    update = descent(regression(loss), options, steps, torch.device("cpu"), "float64")
    while state.step < steps and not state.settled:
        update(state, batch)
        state.step += 1
    return [*model.linear.weight[0].detach().tolist(), float(model.linear.bias.detach())], state


STEPS = Training(lr=0.1, momentum=0.9, schedule="cosine")
FISTA = Training(optimizer="fista")


@pytest.mark.parametrize(("how", "steps"), [(STEPS, 1500), (FISTA, 3000)], ids=["sgd", "fista"])
@pytest.mark.parametrize(("inputs", "targets"), [(X, Y), (WIDE, SHORT)], ids=["tall", "wide"])
def test_l1_equals_scikit_learns_lasso(how, steps, inputs, targets):
    found, state = fitted(inputs, targets, replace(how, l1=0.15), steps)
    theirs = linear_model.Lasso(alpha=0.15, tol=1e-14, max_iter=100_000).fit(inputs, targets)
    np.testing.assert_allclose(found, [*theirs.coef_, theirs.intercept_], rtol=0, atol=1e-6)
    assert [w == 0 for w in found[:-1]] == (theirs.coef_ == 0).tolist() and 0.0 in found
    assert state.settled is (how is FISTA)


@pytest.mark.parametrize(("how", "steps"), [(STEPS, 1500), (FISTA, 3000)], ids=["sgd", "fista"])
def test_both_penalties_equal_scikit_learns_elastic_net(how, steps):
    found, _ = fitted(X, Y, replace(how, l1=0.06, weight_decay=0.2), steps)
    theirs = linear_model.ElasticNet(alpha=0.26, l1_ratio=0.06 / 0.26, tol=1e-14, max_iter=100_000).fit(X, Y)
    np.testing.assert_allclose(found, [*theirs.coef_, theirs.intercept_], rtol=0, atol=1e-6)


@pytest.mark.parametrize("how", ["steps", "closed form", "fista"])
def test_weight_decay_equals_scikit_learns_ridge(how):
    theirs = linear_model.Ridge(alpha=0.3 * len(X)).fit(X, Y)
    if how == "closed form":
        state = State(linear_regression(1, (7,)).double(), None)
        solution(regression(), 0.3)(state, Batch(torch.tensor(X), torch.tensor(Y)))
        found = [*state.model.linear.weight[0].detach().tolist(), float(state.model.linear.bias.detach())]
    else:
        found, _ = fitted(X, Y, replace(STEPS if how == "steps" else FISTA, weight_decay=0.3), 1500)
    np.testing.assert_allclose(found, [*theirs.coef_, theirs.intercept_], rtol=0, atol=1e-6)


def test_hubers_loss_by_fista_equals_scipys_minimum():
    targets = Y.copy()
    targets[:3] += 20
    found, state = fitted(X, targets, replace(FISTA, weight_decay=0.1, loss="huber"), 3000, "huber")

    def total(place):
        errors = X @ place[:-1] + place[-1] - targets
        return np.mean([losses.huber(e) for e in errors]) + 0.05 * (place[:-1] ** 2).sum()

    theirs = minimize(total, np.zeros(8), tol=1e-12, options={"gtol": 1e-9})
    np.testing.assert_allclose(found, theirs.x, rtol=0, atol=1e-5)
    assert state.settled and total(np.array(found)) <= theirs.fun + 1e-12


def test_a_run_with_l1_equals_the_lasso_of_its_prepared_table_and_goes_on_exactly(own_folder):
    settings = {"optimizer": "fista", "training.l1": 0.02, "training.checkpoint_seconds": 0}
    session = begin(apply_values(find("linear-regression"), settings), "whole")
    list(session.reports())
    summary = session.finish()
    part, linear = session.run.data.parts["train"], session.run.state.model.linear
    theirs = linear_model.Lasso(alpha=0.02, tol=1e-14, max_iter=100_000).fit(part.inputs, part.targets)
    np.testing.assert_allclose(linear.weight[0].detach(), theirs.coef_, rtol=0, atol=1e-6)
    assert summary["zero_weights"] == (theirs.coef_ == 0).sum() > 0
    assert summary["steps"] < 6000 and "exactly 0" in summary["remark"]
    for report in flori.steps("linear-regression", run="stopped", **settings):
        if report.step == 13:
            break
    from flori.recipes.beginning import go_on

    resumed = go_on("stopped")
    list(resumed.reports())
    resumed.finish()
    a, b = (load_file(f"{run}/model/model.safetensors") for run in ("whole", "stopped"))
    assert all(torch.equal(a[name], b[name]) for name in a)
