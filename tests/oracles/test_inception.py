"""The Inception networks: equal to the papers' equations, right in size, and whole at any size of picture."""

import numpy as np
import pytest
import torch

from flori.models.googlenet import googlenet
from flori.models.inception_bn import inception_bn
from flori.models.inception_v3 import inception_v3
from flori.models.inception_v4 import inception_v4
from flori.reference import googlenet as googlenet_oracle
from flori.reference import inception_bn as inception_bn_oracle
from flori.reference import inception_v3 as inception_v3_oracle
from flori.reference import inception_v4 as inception_v4_oracle

BUILDERS = [googlenet, inception_bn, inception_v3, inception_v4]
ORACLES = {
    googlenet: googlenet_oracle,
    inception_bn: inception_bn_oracle,
    inception_v3: inception_v3_oracle,
    inception_v4: inception_v4_oracle,
}
AUXILIARY = {googlenet: 2, inception_bn: 0, inception_v3: 1, inception_v4: 0}


def stir(model):
    """Weights and statistics such that no layer could be left out unnoticed, and outputs stay of the order of one."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.3)
            layer.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias, std=0.3)
        elif isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=0.3)
            torch.nn.init.normal_(layer.bias, std=0.3)


CASES = [
    *[(builder, "small", (2, 11, 7)) for builder in BUILDERS],
    *[(builder, "large", (2, 41, 37)) for builder in (googlenet, inception_bn)],
    *[(builder, "large", (2, 79, 83)) for builder in (inception_v3, inception_v4)],
]


@pytest.mark.parametrize(("build", "stem", "shape"), CASES)
def test_logits_equal_the_equations(build, stem, shape):
    torch.manual_seed(0)
    model = build(3, shape, width=1 / 48, stem=stem).double().eval()
    stir(model)
    x = torch.randn(1, *shape, dtype=torch.float64)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    expected = ORACLES[build].forward(x[0].numpy(), weights, small=stem == "small")
    with torch.inference_mode():
        np.testing.assert_allclose(model(x)[0], expected, rtol=0, atol=1e-10)
