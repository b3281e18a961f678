"""Systems as plain torch modules: `flori.models.lenet(classes=10)`.

Every builder takes the number of outputs, the shape of one input, and the system's own options. `heads` of a network
names the submodules that make its outputs: its last layer, and those of auxiliary outputs.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from flori.models.lenet import lenet
from flori.models.linear_regression import linear_regression
from flori.models.mlp import mlp
from flori.models.softmax_regression import softmax_regression

BUILDERS = {
    "linear-regression": linear_regression,
    "softmax-regression": softmax_regression,
    "mlp": mlp,
    "lenet": lenet,
}


def build(system: str, outputs: int, shape: tuple[int, ...], options: dict[str, Any]) -> nn.Module:
    """The network of a system by its name. Raises ValueError where the shape does not suit it."""
    return BUILDERS[system](outputs, shape, **options)


__all__ = ["BUILDERS", "build", "lenet", "linear_regression", "mlp", "softmax_regression"]
