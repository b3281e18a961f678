import numpy as np
import pytest
import torch

from flori import models
from flori.reference import mlp as oracle


def layers(model):
    found = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    return [p.weight.detach().numpy() for p in found], [p.bias.detach().numpy() for p in found]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("hidden", [(), (11,), (11, 2, 13)])
def test_outputs_equal_the_equations(activation, hidden):
    torch.manual_seed(0)
    model = models.mlp(3, (7,), hidden=hidden, activation=activation).double()
    for p in model.parameters():
        torch.nn.init.normal_(p)
    X = torch.randn(5, 7, dtype=torch.float64)
    expected = [oracle.forward(x.numpy(), *layers(model), activation) for x in X]
    np.testing.assert_allclose(model(X).detach(), expected, rtol=0, atol=1e-12)


def test_one_output_is_a_number_an_example():
    assert models.mlp(1, (7,)).double()(torch.randn(5, 7, dtype=torch.float64)).shape == (5,)


def test_learns_exclusive_or():
    torch.manual_seed(0)
    X = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float32)
    y = torch.tensor([0, 1, 1, 0])
    model = models.mlp(2, (2,), hidden=(8,), activation="tanh")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(X), y).backward()
        optimizer.step()
    assert (model(X).argmax(1) == y).all()


def test_dropout_keeps_the_mean_in_training_and_does_nothing_in_evaluation():
    torch.manual_seed(0)
    model = models.mlp(2, (3,), hidden=(1009,), dropout=0.5)
    x = torch.ones(1, 3)
    hidden = torch.relu(model.layers[0](x))
    dropped = torch.stack([model.layers[2].train()(hidden) for _ in range(2000)])
    assert torch.allclose(dropped.mean((0, 1)).mean(), hidden.mean(), rtol=0.01)
    assert set(torch.unique(dropped[0] / hidden.clamp(min=1e-9)).round().tolist()) <= {0.0, 2.0}
    model.eval()
    assert torch.equal(model(x), model(x))
