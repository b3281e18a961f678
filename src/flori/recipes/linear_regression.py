"""linear-regression: one number as a weighted sum of the features."""

from dataclasses import dataclass

from flori.core.recipe import Data, Recipe, Training


@dataclass(frozen=True)
class Options:
    """A linear regression has none."""


RECIPE = Recipe(
    system="linear-regression",
    about="one number as a weighted sum of features; by gradient descent or in closed form",
    tasks=("regression",),
    model=Options(),
    data=Data(source="diabetes"),
    training=Training(epochs=None, steps=6000, batch=512, lr=0.05, momentum=0.9, schedule="cosine"),
    precision="float64",
    device="cpu",
)
