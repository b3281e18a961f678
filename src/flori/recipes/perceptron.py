"""perceptron: Rosenblatt's rule, which ends where a plane between the classes is found."""

from dataclasses import dataclass

from flori.core.recipe import Data, Recipe, Training


@dataclass(frozen=True)
class Options:
    """A perceptron has none."""


RECIPE = Recipe(
    system="perceptron",
    about="classes parted by planes, learnt from mistakes alone (Rosenblatt 1958); says whether they can be parted",
    tasks=("classification",),
    model=Options(),
    data=Data(source="digits"),
    training=Training(epochs=100, batch=256, optimizer="perceptron"),
    precision="float64",
    device="cpu",
)
