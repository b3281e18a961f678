"""Rosenblatt's rule: equal to its equations whatever the batch, bounded in its mistakes, and at an end."""

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import Perceptron

import flori
from flori import models
from flori.data.batches import Batch
from flori.objectives.perceptron import perceptron as criterion
from flori.recipes.catalogue import find
from flori.recipes.findings import findings
from flori.reference import perceptron as oracle
from flori.training.perceptron import rosenblatt
from flori.training.state import State

N, D, K = 19, 5, 3
rng = np.random.default_rng(23)


def learnt(X, classes, outputs, size, passes):
    """The state after passes over the examples in their order, in batches of a size."""
    state = State(models.perceptron(outputs, (X.shape[1],)).double(), None)
    batches = list(zip(torch.tensor(X).split(size), torch.tensor(classes).split(size), strict=True))
    update = rosenblatt(len(batches))
    for _ in range(passes):
        for batch in batches:
            update(state, Batch(*batch))
            state.step += 1
        if state.settled:
            break
    return state


def weights(state):
    return state.model.linear.weight.detach().numpy(), state.model.linear.bias.detach().numpy()


@pytest.mark.parametrize("size", [1, 7, N])
def test_two_classes_are_rosenblatts(size):
    X, y = rng.normal(size=(N, D)), rng.choice([-1, 1], N)
    state, w, b, mistakes = learnt(X, (y + 1) // 2, 2, size, 4), [0.0] * D, 0.0, 0
    for _ in range(4):
        w, b, more = oracle.one_pass(X, y, w, b)
        mistakes += more
    W, bias = weights(state)
    np.testing.assert_allclose(W, [[-w_j for w_j in w], w], rtol=0, atol=1e-12)
    np.testing.assert_allclose(bias, [-b, b], rtol=0, atol=0)
    assert state.notes["mistakes"] == mistakes > N
    assert not state.settled


@pytest.mark.parametrize("size", [1, 7, N])
def test_more_classes_are_keslers(size):
    X, y = rng.normal(size=(N, D)), rng.integers(K, size=N)
    state, W, b, mistakes = learnt(X, y, K, size, 3), np.zeros((K, D)), np.zeros(K), 0
    for _ in range(3):
        W, b, more = oracle.one_pass_of_many(X, y, W, b)
        mistakes += more
    np.testing.assert_allclose(weights(state)[0], W, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights(state)[1], b, rtol=0, atol=0)
    assert state.notes["mistakes"] == mistakes > 0
    loss = criterion().losses(state.model, Batch(torch.tensor(X), torch.tensor(y)))["loss"]
    expected = np.mean([oracle.loss(x, k, W, b) for x, k in zip(X, y, strict=True)])
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)


def test_two_classes_equal_scikit_learns():
    X, y = rng.normal(size=(N, D)), rng.integers(2, size=N)
    theirs = Perceptron(shuffle=False, max_iter=3, tol=None).fit(X, y)
    W, b = weights(learnt(X, y, 2, 7, 3))
    np.testing.assert_allclose([*W[1], b[1]], [*theirs.coef_[0], *theirs.intercept_], rtol=0, atol=1e-12)


def separable(D):
    """Examples on the right sides of a random plane, at least a fifth away, and the plane."""
    plane = rng.normal(size=D + 1)
    plane /= np.linalg.norm(plane)
    X = rng.normal(size=(N, D))
    heights = X @ plane[:D] + plane[D]
    y = np.where(heights > 0, 1, -1)
    X += (y * 0.2)[:, None] * plane[:D] / np.linalg.norm(plane[:D])
    return X, y, plane


def test_mistakes_on_a_thousand_separable_sets_are_bounded():
    for number in range(1000):
        X, y, plane = separable((2, 3, 5, 7)[number % 4])
        r, rho = np.sqrt((X**2).sum(1).max()), (y * (X @ plane[:-1] + plane[-1])).min()
        assert rho > 0
        bound = oracle.most_mistakes(r, rho)
        state = learnt(X, (y + 1) // 2, 2, N, int(bound) + 1)  # a pass without a mistake is among so many
        assert state.settled and state.notes["mistakes"] <= bound
        found = findings(find("perceptron").training, state, 1)["perceptron"]
        w, b = state.model.linear.weight[1].detach().numpy(), float(state.model.linear.bias[1].detach())
        assert found["margin"] == pytest.approx((y * (X @ w + b)).min() / np.hypot(np.linalg.norm(w), b), abs=1e-12)
        assert found["margin"] <= np.sqrt(r * r + 1) and found["mistakes"] <= found["bound"]


def test_margin_radius_and_bound_are_the_oracles():
    X, y, _ = separable(D)
    state = learnt(X, (y + 1) // 2, 2, 7, 1000)
    found = findings(find("perceptron").training, state, 3)["perceptron"]
    W, b = weights(state)
    assert found["radius"] == pytest.approx(oracle.radius(X), abs=1e-12)
    assert found["margin"] == pytest.approx(oracle.margin(X, y, W[1], b[1]), abs=1e-12)
    assert found["bound"] == pytest.approx(oracle.most_mistakes(found["radius"], found["margin"]))


def test_xor_is_not_separable_and_no_margin_is_left():
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    state = learnt(X, y, 2, 4, 300)
    found = findings(find("perceptron").training, state, 1)["perceptron"]
    assert not state.settled and not found["separable"] and found["mistakes"] > 300
    assert found["margin_at_most"] < 0.01 and "bound" not in found


def rows(path, X, y):
    path.write_text("".join([*(f"x{i}," for i in range(X.shape[1])), "y\n"]))
    with open(path, "a") as file:
        file.writelines(",".join(map(str, [*x, ["no", "yes"][int(k)]])) + "\n" for x, k in zip(X, y, strict=True))


def test_a_separable_table_ends_early_and_xor_after_its_passes(own_folder):
    X, y, _ = separable(D)
    rows(own_folder / "apart.csv", X, y > 0)
    run = flori.train("perceptron", data="apart.csv", target="y", batch=7, epochs=500)
    found = run.summary["perceptron"]
    assert found["separable"] and found["mistakes"] <= found["bound"] and run.summary["epochs"] < 500
    assert "separable: all training examples are right" in run.summary["remark"]
    assert run.summary["remark"] in (run.path / "report.html").read_text()
    corners = np.array([[a, b] for a in (0, 1) for b in (0, 1)] * 5)
    rows(own_folder / "xor.csv", corners, corners[:, 0] ^ corners[:, 1])
    run = flori.train("perceptron", data="xor.csv", target="y", batch=7, epochs=11)
    assert run.summary["status"] == "done" and run.summary["epochs"] == 11
    assert not run.summary["perceptron"]["separable"] and run.summary["remark"].startswith("not separable")
    assert json.loads((run.path / "summary.json").read_text())["perceptron"]["mistakes"] > 11
