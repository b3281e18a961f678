import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flori import models
from flori.data.batches import Batch
from flori.objectives.classification import classification
from flori.reference import softmax_regression as oracle

N, D, K = 5, 7, 3


@pytest.fixture
def problem():
    rng = np.random.default_rng(1)
    return rng.normal(size=(N, D)), rng.integers(K, size=N), rng.normal(size=(K, D)), rng.normal(size=K)


class Given(torch.nn.Module):
    """A network whose logits are its parameters."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, x):
        return self.logits


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_logits_and_loss_equal_the_equations(problem, smoothing):
    X, y, W, b = problem
    model = models.softmax_regression(K, (D,)).double()
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor(W))
        model.linear.bias.copy_(torch.tensor(b))
    loss = classification(smoothing).losses(model, Batch(torch.tensor(X), torch.tensor(y)))["loss"]
    logits = [oracle.logits(x, W, b) for x in X]
    expected = np.mean([oracle.cross_entropy(o, k, smoothing) for o, k in zip(logits, y, strict=True)])
    np.testing.assert_allclose(model(torch.tensor(X)).detach(), logits, rtol=0, atol=1e-14)
    assert abs(float(loss.detach()) - expected) < 1e-14


def test_gradient_is_softmax_minus_one_hot():
    rng = np.random.default_rng(2)
    o, y = rng.normal(size=(N, K)) * 3, rng.integers(K, size=N)
    model = Given(o)
    classification().losses(model, Batch(torch.zeros(N), torch.tensor(y)))["loss"].backward()
    expected = [oracle.gradient(row, k) / N for row, k in zip(o, y, strict=True)]
    np.testing.assert_allclose(model.logits.grad, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_logits_of_ten_thousand_stay_finite(dtype):
    o = [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]]
    model = Given(o).to(dtype)
    loss = classification().losses(model, Batch(torch.zeros(2), torch.tensor([1, 2])))["loss"]
    loss.backward()
    expected = np.mean([oracle.cross_entropy(row, k) for row, k in zip(o, [1, 2], strict=True)])
    assert abs(float(loss.detach()) / expected - 1) < (1e-2 if dtype == torch.bfloat16 else 1e-6)
    assert model.logits.grad.isfinite().all()


def test_softmax_of_the_oracle_is_torchs():
    o = np.array([3.0, -2.0, 900.0, 899.0])
    np.testing.assert_allclose(oracle.softmax(o), F.softmax(torch.tensor(o), 0), rtol=0, atol=1e-15)
    np.testing.assert_allclose(oracle.log_softmax(o), F.log_softmax(torch.tensor(o), 0), rtol=0, atol=1e-13)
