"""What the recipes of the convolutional networks share: photographs by class, shifted and mirrored, and SGD."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from flori.core.recipe import Data, Recipe, Training, value

PHOTOGRAPHS = Data(source="cifar10", shift=4, flip=True)
DESCENT = Training(
    epochs=30,
    batch=64,
    optimizer="sgd",
    lr=0.25,
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    schedule="one-cycle",
    warmup=0.15,
    label_smoothing=0.1,
)
ADAPTIVE: dict[str, Any] = {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.05}
"""For networks without norms, whose gradients differ in size from layer to layer."""


@dataclass(frozen=True)
class Options:
    """How wide, and how it begins: what all these networks can be asked for."""

    width: float = value(1.0, "share of the paper's channels", at_least=0.01, at_most=64)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")


def network(system: str, about: str, model: Any, reference: str = "", **training: Any) -> Recipe:
    """The recipe of a network for classes of pictures; `training` changes what it trains by."""
    return Recipe(
        system=system,
        about=about,
        tasks=("classification",),
        model=model,
        data=PHOTOGRAPHS,
        training=dataclasses.replace(DESCENT, **training),
        convolutional=True,
        reference=reference,
    )
