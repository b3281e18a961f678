"""resnet18, resnet34, resnet50, resnet101, resnet152."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.pictures import network


@dataclass(frozen=True)
class Options:
    """How wide, and how it begins."""

    width: float = value(1.0, "share of the paper's channels", at_least=0.01, at_most=8)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")


RECIPES = tuple(
    network(f"resnet{depth}", f"residual network of {depth} layers (He et al. 2016)", Options(), "resnet")
    for depth in (18, 34, 50, 101, 152)
)
