"""Every system's gradient against finite differences, in float64."""

import pytest
import torch

from flori import models
from flori.core.texts import Text
from flori.recipes.catalogue import ALL

SMOOTH = {"activation": "tanh", "pool": "average"}
CASES = {
    "linear-regression": (1, (5,), {}),
    "softmax-regression": (3, (5,), {}),
    "perceptron": (3, (5,), {}),
    "mlp": (3, (5,), {"activation": "tanh", "hidden": (7,)}),
    "nadaraya-watson": (1, (5,), {}),
    "lenet": (2, (1, 13, 13), SMOOTH),
    "alexnet": (2, (3, 17, 17), {"width": 0.02, "dropout": 0.0}),
    **{f"vgg{depth}": (2, (3, 11, 13), {"width": 0.03, "dropout": 0.0}) for depth in (11, 13, 16, 19)},
    "nin": (2, (3, 13, 11), {"width": 0.03, "dropout": 0.0}),
    "googlenet": (2, (3, 13, 11), {"width": 0.03, "dropout": 0.0}),
    "inception-bn": (2, (3, 13, 11), {"width": 0.03}),
    "inception-v3": (2, (3, 31, 29), {"width": 0.06, "dropout": 0.0}),
    "inception-v4": (2, (3, 31, 29), {"width": 0.06, "dropout": 0.0}),
    **{f"resnet{depth}": (2, (3, 13, 11), {"width": 0.03}) for depth in (18, 34, 50, 101, 152)},
    "resnet-cifar": (2, (3, 13, 11), {"width": 0.2}),
}
DIRECTIONS, STEP = 3, 1e-11  # so small that hardly a ReLU turns on or off between the two ends


def test_every_system_has_a_case():
    of_text = {recipe.system for recipe in ALL if isinstance(recipe.data, Text)}  # see test_recurrent, test_transformer
    assert CASES.keys() == models.BUILDERS.keys() - of_text


@pytest.mark.parametrize("system", CASES)
def test_gradient_equals_finite_differences(system):
    """Along random directions in the space of inputs and weights together."""
    torch.manual_seed(0)
    outputs, shape, options = CASES[system]
    model = models.build(system, outputs, shape, options).double()
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0  # also in heads that look on, whose share is no option
    if hasattr(model, "remember"):
        model.remember(torch.randn(13, *shape, dtype=torch.float64), torch.randn(13, dtype=torch.float64))
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)  # what begins at zero must matter too
    x = torch.randn(5, *shape, dtype=torch.float64)
    places = [x, *(p.detach() for p in model.parameters())]

    def value(t, direction):
        moved = [place + t * way for place, way in zip(places, direction, strict=True)]
        names = [name for name, _ in model.named_parameters()]
        found = torch.func.functional_call(model, dict(zip(names, moved[1:], strict=True)), (moved[0],))
        found = (found,) if isinstance(found, torch.Tensor) else found
        return sum((one.tanh() * torch.arange(1.0, 1 + one.numel()).view_as(one)).sum() for one in found)

    for _ in range(DIRECTIONS):
        direction = [torch.randn_like(place) for place in places]
        t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(value(t, direction), t)
        with torch.no_grad():
            numeric = (value(STEP, direction) - value(-STEP, direction)) / (2 * STEP)
        assert float(slope) == pytest.approx(float(numeric), rel=1e-4, abs=2e-2)
        assert abs(float(slope)) > 1
