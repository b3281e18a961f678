"""nadaraya-watson: kernel regression, attention in its simplest form."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import Data, Recipe, Training, value


@dataclass(frozen=True)
class Options:
    """How much each row of the training part counts for an answer."""

    kernel: Literal["learned", "fixed", "average"] = value(
        "learned", "a Gaussian whose width is learnt, or fixed; average: every row counts alike"
    )
    width: float = value(
        1.0, "of the kernel, in standard deviations of a feature; as it begins, where it is learnt", at_least=1e-3,
        at_most=1e3,
    )  # fmt: skip
    per_feature: bool = value(True, "each feature has a width of its own")


RECIPE = Recipe(
    system="nadaraya-watson",
    about="kernel regression: a mean of the training rows, each weighted by how near it is",
    tasks=("regression",),
    model=Options(),
    data=Data(source="diabetes"),
    training=Training(epochs=None, steps=600, batch=256, optimizer="adam", lr=0.05, schedule="cosine"),
)
