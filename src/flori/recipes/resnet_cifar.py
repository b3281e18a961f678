"""resnet-cifar: residual networks for small pictures, of any depth 6n + 2."""

from dataclasses import dataclass

from flori.core.recipe import value
from flori.recipes import pictures


@dataclass(frozen=True)
class Options(pictures.Options):
    """How deep."""

    depth: int = value(20, "layers with weights: 6n + 2", at_least=8, at_most=10_000)


RECIPE = pictures.network(
    "resnet-cifar", "residual network for small pictures, of any depth 6n + 2 (He et al. 2016)", Options()
)
