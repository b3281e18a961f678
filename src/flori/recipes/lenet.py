"""lenet: LeNet-5; the book's version by ``model.activation=sigmoid model.pool=average``."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import Data, Recipe, Training, value


@dataclass(frozen=True)
class Options:
    """What stands between the layers."""

    activation: Literal["relu", "tanh", "sigmoid"] = value("relu", "what follows each convolution and dense layer")
    pool: Literal["max", "average"] = value("max", "how each 2×2 becomes one")


RECIPE = Recipe(
    system="lenet",
    about="LeNet-5 (LeCun et al. 1998): two convolutions, three dense layers",
    tasks=("classification",),
    model=Options(),
    data=Data(source="digits"),
    training=Training(
        epochs=None,
        steps=708,  # six epochs of Fashion-MNIST
        batch=512,
        optimizer="adamw",
        lr=0.018,
        schedule="linear",
        warmup=0.2,
        weight_decay=5e-2,
    ),
    input_size=28,
    convolutional=True,
)
