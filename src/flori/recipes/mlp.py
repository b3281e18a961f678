"""mlp: the multilayer perceptron, for classes and for numbers."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import Data, Recipe, Training, value


@dataclass(frozen=True)
class Options:
    """The layers between inputs and outputs."""

    hidden: tuple[int, ...] = value((256,), "widths of the hidden layers", at_least=1, at_most=100_000)
    layers: int | None = value(
        None, "hidden layers in all, the last width repeated; None: those given", at_least=1, at_most=10_000
    )
    activation: Literal["relu", "tanh", "sigmoid"] = value("relu", "what follows each hidden layer")
    dropout: float = value(0.0, "share of hidden units left out in training", at_least=0, at_most=0.99)
    initialisation: Literal["auto", "normal", "xavier-normal", "xavier-uniform", "he-normal", "he-uniform", "zero"] = (
        value(
            "auto",
            "initial weights: normal of variance 0.01², xavier 2/(in + out), he 2/in; auto: he for relu, else xavier",
        )
    )
    gain: float = value(1.0, "factor of the initial weights", at_least=0, at_most=1000)


RECIPE = Recipe(
    system="mlp",
    about="multilayer perceptron: dense layers with an activation between them",
    tasks=("classification", "regression"),
    model=Options(),
    data=Data(source="digits"),
    training=Training(
        epochs=None,
        steps=2400,
        batch=256,
        optimizer="adamw",
        lr=3e-3,
        schedule="cosine",
        warmup=0.05,
        weight_decay=1e-2,
    ),
)
