import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import flori
from flori import models
from flori.core.overrides import apply_values
from flori.data.batches import Batch
from flori.objectives.regression import regression
from flori.recipes.beginning import begin
from flori.recipes.catalogue import find
from flori.reference import linear_regression as oracle
from flori.training.closed_form import least_squares

N, D = 13, 5


@pytest.fixture
def problem():
    rng = np.random.default_rng(7)
    return rng.normal(size=(N, D)), rng.normal(size=N), rng.normal(size=D), 0.7


def network(w, b):
    model = models.linear_regression(1, (D,)).double()
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor(w)[None])
        model.linear.bias.fill_(b)
    return model


def test_prediction_loss_and_gradient_equal_the_equations(problem):
    X, y, w, b = problem
    model, batch = network(w, b), Batch(torch.tensor(X), torch.tensor(y))
    loss = regression().losses(model, batch)["loss"]
    loss.backward()
    dw, db = oracle.gradient(X, y, w, b)
    np.testing.assert_allclose(model(batch.inputs).detach(), oracle.predict(X, w, b), rtol=0, atol=1e-14)
    assert abs(float(loss.detach()) - oracle.loss(X, y, w, b)) < 1e-14
    np.testing.assert_allclose(model.linear.weight.grad[0], dw, rtol=0, atol=1e-14)
    assert abs(float(model.linear.bias.grad) - db) < 1e-14


def test_one_step_of_descent_equals_the_rule(problem):
    X, y, w, b = problem
    model = network(w, b)
    regression().losses(model, Batch(torch.tensor(X), torch.tensor(y)))["loss"].backward()
    torch.optim.SGD(model.parameters(), lr=0.3).step()
    new_w, new_b = oracle.descend(X, y, w, b, 0.3)
    np.testing.assert_allclose(model.linear.weight.detach()[0], new_w, rtol=0, atol=1e-14)
    assert abs(float(model.linear.bias.detach()) - new_b) < 1e-14


def shapes_of_data():
    rng = np.random.default_rng(11)
    tall, wide = rng.normal(size=(31, 7)), rng.normal(size=(7, 31))
    deficient = rng.normal(size=(31, 3)) @ rng.normal(size=(3, 7))
    return {"tall": tall, "wide": wide, "rank-deficient": deficient, "wide and deficient": deficient.T.copy()}


@pytest.mark.parametrize("kind", shapes_of_data())
def test_closed_form_is_the_least_norm_solution_of_numpy(kind):
    X = shapes_of_data()[kind]
    y = np.random.default_rng(3).normal(size=len(X))
    w, b = least_squares(torch.tensor(X), torch.tensor(y), intercept=False)
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(w, expected, rtol=0, atol=1e-8)
    assert float(b) == 0


@pytest.mark.parametrize("kind", shapes_of_data())
def test_closed_form_with_intercept_on_centred_data_equals_numpy_with_a_column_of_ones(kind):
    X = shapes_of_data()[kind]
    X = X - X.mean(0)
    y = np.random.default_rng(3).normal(size=len(X))
    w, b = least_squares(torch.tensor(X), torch.tensor(y))
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]
    np.testing.assert_allclose([*w, b], expected, rtol=0, atol=1e-8)


def test_ridge_solves_its_normal_equations():
    X = np.random.default_rng(5).normal(size=(31, 7))
    y = np.random.default_rng(6).normal(size=31)
    w, _ = least_squares(torch.tensor(X), torch.tensor(y), ridge=2.3, intercept=False)
    np.testing.assert_allclose(w, np.linalg.solve(X.T @ X + 2.3 * np.eye(7), X.T @ y), rtol=0, atol=1e-12)


def solutions(data):
    """The weights that the default recipe finds by steps, and those of the closed form."""
    runs = [flori.train("linear-regression", data=data, **how) for how in ({}, {"optimizer": "closed-form"})]
    return [load_file(run.path / "model" / "model.safetensors") for run in runs]


def test_descent_and_closed_form_agree():
    steps, closed = solutions("diabetes")
    assert max(float((steps[name] - closed[name]).abs().max()) for name in closed) < 1e-3


def test_minibatch_descent_and_closed_form_agree_on_the_airfoil(real_data):
    steps, closed = solutions("airfoil")
    assert max(float((steps[name] - closed[name]).abs().max()) for name in closed) < 1e-3


@pytest.mark.parametrize(("rows", "columns"), [(60, 5), (12, 40)])
def test_a_rank_deficient_or_wide_table_gives_numpys_solution(own_folder, rows, columns):
    """From a CSV to saved weights: equal to numpy's least-norm solution of the prepared table."""
    rng = np.random.default_rng(rows)
    X = rng.normal(size=(rows, columns))
    X[:, -1] = X[:, 0] - 2 * X[:, 1]
    table = np.column_stack([X, X @ rng.normal(size=columns) + rng.normal(size=rows)])
    header = ",".join([*(f"x{i}" for i in range(columns)), "y"])
    np.savetxt(own_folder / "t.csv", table, delimiter=",", header=header, comments="")
    session = begin(
        apply_values(find("linear-regression"), {"data": "t.csv", "target": "y", "optimizer": "closed-form"}), None
    )
    list(session.reports())
    part = session.run.data.parts["train"]
    A = np.column_stack([part.inputs.numpy(), np.ones(len(part))])
    expected = np.linalg.lstsq(A, part.targets.numpy(), rcond=None)[0]
    linear = session.run.state.model.linear
    found = [*linear.weight.detach()[0].tolist(), float(linear.bias.detach())]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
