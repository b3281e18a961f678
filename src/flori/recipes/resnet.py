"""resnet18, resnet34, resnet50, resnet101, resnet152."""

from flori.recipes import pictures

RECIPES = tuple(
    pictures.network(
        f"resnet{depth}", f"residual network of {depth} layers (He et al. 2016)", pictures.Options(), "resnet"
    )
    for depth in (18, 34, 50, 101, 152)
)
