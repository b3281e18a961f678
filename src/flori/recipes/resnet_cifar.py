"""resnet-cifar: residual networks for small pictures, of any depth 6n + 2."""

from dataclasses import dataclass
from typing import Literal

from flori.core.recipe import value
from flori.recipes.pictures import network


@dataclass(frozen=True)
class Options:
    """How deep and wide, and how it begins."""

    depth: int = value(20, "layers with weights: 6n + 2", at_least=8, at_most=10_000)
    width: float = value(1.0, "share of the paper's channels", at_least=0.01, at_most=64)
    stem: Literal["auto", "small", "large"] = value("auto", "how it begins; auto: small for pictures below 64 pixels")


RECIPE = network("resnet-cifar", "residual network for small pictures, of any depth 6n + 2 (He et al. 2016)", Options())
