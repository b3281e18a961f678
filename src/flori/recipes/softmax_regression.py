"""softmax-regression: classes from one linear layer."""

from dataclasses import dataclass

from flori.core.recipe import Data, Recipe, Training


@dataclass(frozen=True)
class Options:
    """A softmax regression has none."""


RECIPE = Recipe(
    system="softmax-regression",
    about="classes from one linear layer and a softmax",
    tasks=("classification",),
    model=Options(),
    data=Data(source="digits"),
    training=Training(epochs=None, steps=2400, batch=256, lr=0.1, momentum=0.9, schedule="cosine", weight_decay=1e-4),
)
