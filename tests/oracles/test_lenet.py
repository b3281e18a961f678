import numpy as np
import pytest
import torch

from flori import models
from flori.reference import lenet as oracle


def weights(layer):
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def parts(model):
    convolutions = [weights(m) for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    dense = [weights(m) for m in model.modules() if isinstance(m, torch.nn.Linear)]
    return *convolutions, dense


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("pool", ["max", "average"])
def test_logits_equal_the_equations_on_an_odd_picture(activation, pool):
    torch.manual_seed(0)
    model = models.lenet(3, (2, 13, 17), activation=activation, pool=pool).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    x = torch.randn(1, 2, 13, 17, dtype=torch.float64)
    expected = oracle.forward(x[0].numpy(), *parts(model), activation, pool)
    np.testing.assert_allclose(model(x)[0].detach(), expected, rtol=0, atol=1e-11)


def test_first_dense_layer_has_48_thousand_weights():
    model = models.lenet()
    assert model.classifier[0].weight.numel() == 16 * 5 * 5 * 120 == 48_000
    assert sum(p.numel() for p in model.parameters()) == 61_706


def test_two_convolutions_of_6_and_16_channels():
    sizes = [m.out_channels for m in models.lenet().modules() if isinstance(m, torch.nn.Conv2d)]
    assert sizes == [6, 16]


def test_pictures_below_12_pixels_are_refused():
    with pytest.raises(ValueError, match="12×12"):
        models.lenet(10, (1, 11, 28))
