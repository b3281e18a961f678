"""The same numbers as scikit-learn, which computes them by other means."""

import numpy as np
import pytest
import torch
from sklearn import linear_model, metrics
from sklearn.metrics.pairwise import rbf_kernel

from flori import models
from flori.evaluation import classification, regression
from flori.training.closed_form import least_squares

rng = np.random.default_rng(17)
X, Y = rng.normal(size=(43, 7)) + 3, rng.normal(size=43)


def test_closed_form_equals_linear_regression():
    w, b = least_squares(torch.tensor(X), torch.tensor(Y))
    theirs = linear_model.LinearRegression().fit(X, Y)
    np.testing.assert_allclose([*w, b], [*theirs.coef_, theirs.intercept_], atol=1e-10)


def test_ridge_equals_ridge():
    w, b = least_squares(torch.tensor(X), torch.tensor(Y), ridge=3.7)
    theirs = linear_model.Ridge(alpha=3.7).fit(X, Y)
    np.testing.assert_allclose([*w, b], [*theirs.coef_, theirs.intercept_], atol=1e-10)


def test_wide_data_equals_linear_regression():
    w, b = least_squares(torch.tensor(X.T.copy()), torch.tensor(Y[:7]))
    theirs = linear_model.LinearRegression().fit(X.T, Y[:7])
    np.testing.assert_allclose([*w, b], [*theirs.coef_, theirs.intercept_], atol=1e-10)


@pytest.mark.parametrize("answered", [True, False])
def test_scores_of_classes(answered):
    logits = torch.tensor(rng.normal(size=(211, 7)))
    logits[:, 6] -= 0 if answered else 9
    targets = torch.tensor(rng.integers(6, size=211))  # the last class never occurs
    said = logits.argmax(1)
    found = classification.scores(logits, targets)
    chances = logits.softmax(1).numpy()
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(targets, said), abs=1e-12)
    assert found["loss"] == pytest.approx(metrics.log_loss(targets, chances, labels=range(7)), abs=1e-12)
    f1 = metrics.f1_score(targets, said, average="macro", zero_division=0)
    assert found["f1"] == pytest.approx(f1, abs=1e-12)
    top5 = metrics.top_k_accuracy_score(targets, chances, k=5, labels=range(7))
    assert found["top5"] == pytest.approx(top5, abs=1e-12)
    counts = classification.confusion(said, targets, 7)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(targets, said, labels=range(7)))


def test_tables_of_classes():
    logits = torch.tensor(rng.normal(size=(211, 7)))
    targets = torch.tensor(rng.integers(6, size=211))
    labels = [f"class {i}" for i in range(7)]
    found, said = classification.tables(logits, targets, labels), logits.argmax(1)
    theirs = metrics.precision_recall_fscore_support(targets, said, labels=range(7), zero_division=0)
    for i, label in enumerate(labels):
        names = ("precision", "recall", "f1", "examples")
        assert [found["per_class"][label][name] for name in names] == pytest.approx([column[i] for column in theirs])
    assert found["confusion"]["labels"] == labels
    assert found["confusion"]["counts"] == metrics.confusion_matrix(targets, said, labels=range(7)).tolist()


def test_scores_of_numbers():
    truth, said = rng.uniform(1, 9, size=97), rng.uniform(1, 9, size=97)
    found = regression.scores(torch.tensor(said), torch.tensor(truth), 0.0)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, said), abs=1e-12)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(truth, said), abs=1e-12)
    assert found["r2"] == pytest.approx(metrics.r2_score(truth, said), abs=1e-12)
    assert found["rmsle"] == pytest.approx(metrics.root_mean_squared_log_error(truth, said), abs=1e-12)


def test_kernel_regression_equals_a_mean_weighted_by_the_rbf_kernel():
    width, queries = 0.83, rng.normal(size=(11, 7)) + 3
    model = models.nadaraya_watson(1, (7,), width=width, per_feature=False).double()
    model.remember(torch.tensor(X), torch.tensor(Y))
    theirs = rbf_kernel(queries, X, gamma=1 / (2 * width**2))
    weights = theirs / theirs.sum(1, keepdims=True)
    np.testing.assert_allclose(model.attention(torch.tensor(queries)).detach(), weights, atol=1e-7)
    np.testing.assert_allclose(model(torch.tensor(queries)).detach(), weights @ Y, atol=1e-7)
