"""Every system's gradient against finite differences, in float64."""

import pytest
import torch

from flori import models

CASES = {
    "linear-regression": (1, (5,)),
    "softmax-regression": (3, (5,)),
    "mlp": (3, (5,)),
    "lenet": (2, (1, 13, 13)),
}


def test_every_system_has_a_case():
    assert CASES.keys() == models.BUILDERS.keys()


@pytest.mark.parametrize("system", CASES)
def test_gradient_equals_finite_differences(system):
    torch.manual_seed(0)
    outputs, shape = CASES[system]
    options = {"activation": "tanh"} if system in ("mlp", "lenet") else {}
    options |= {"hidden": (7,)} if system == "mlp" else {"pool": "average"} if system == "lenet" else {}
    model = models.build(system, outputs, shape, options).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    x = torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
    names, values = zip(*model.named_parameters(), strict=True)

    def function(x, *values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(function, (x, *values), fast_mode=system == "lenet")
