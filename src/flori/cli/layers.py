"""The network of a recipe layer by layer, for `flori show`."""

from __future__ import annotations

from typing import Any

from flori.cli.printing import print_table
from flori.core.errors import UserError
from flori.core.recipe import Recipe

UNLISTED = {"ReLU", "Sigmoid", "Tanh", "Dropout", "Identity"}  # they learn nothing and keep the shape


def network(recipe: Recipe, codec: Any = None) -> dict[str, Any]:
    """The layers for the data of the recipe, with totals, and the stem that was chosen; or a remark on why they
    cannot be told. The data is read for it unless its codec is given."""
    from flori.models.shapes import layers
    from flori.recipes.assembly import build_model

    nothing = {"layers": [], "parameters": 0, "bytes": 0, "multiply_adds": 0, "stem": None, "remark": ""}
    try:
        codec = codec or codec_of(recipe)
    except UserError as problem:
        return {**nothing, "remark": f"the layers depend on the data, which cannot be read: {problem}"}
    model = build_model(recipe, codec)
    found, learnt = layers(model, *codec.sample()), list(model.parameters())
    return {
        **nothing,
        "layers": found,
        "parameters": sum(p.numel() for p in learnt),
        "bytes": sum(p.numel() * p.element_size() for p in learnt),
        "multiply_adds": sum(layer["multiply_adds"] for layer in found),
        "stem": stem(recipe, codec),
    }


def codec_of(recipe: Recipe) -> Any:
    """The codec for the data of the recipe. A named set of pictures that is not here is not fetched for this: its shape
    and classes are known."""
    from flori.data.families import prepare
    from flori.data.named import NAMED, is_here
    from flori.data.preparation import PicturePreparation
    from flori.data.preparing import ExampleCodec

    known, options = NAMED.get(recipe.data.source), recipe.data
    if known is None or known.shape is None or is_here(known):
        return prepare(recipe).codec
    channels, side = options.channels or known.shape[0], options.size or recipe.input_size or known.shape[1]
    nothing = (0.0,) * channels
    return ExampleCodec("classification", PicturePreparation((side, side), nothing, nothing), known.labels)


def stem(recipe: Recipe, codec: Any) -> dict[str, str] | None:
    """Which stem the network has and why, or None where there is no choice."""
    from flori.layers.stem import explained

    shape = getattr(codec, "shape", ())
    if not hasattr(recipe.model, "stem") or len(shape) != 3:
        return None
    chosen, why = explained(recipe.model.stem, shape)
    return {"chosen": chosen, "why": why}


def print_network(found: dict[str, Any]) -> None:
    """The layers as a table, without those that neither learn nor change the shape."""
    if not found["layers"]:
        print(found["remark"])
        return
    listed = [layer for layer in found["layers"] if layer["kind"] not in UNLISTED] or found["layers"]
    rows = [[name, *_cells(layer)] for name, layer in zip(indented(listed), listed, strict=True)]
    total = ["total", "", "", f"{found['parameters']:,}", f"{found['multiply_adds']:,}"]
    print_table(["layer", "kind", "output", "parameters", "multiply-adds"], [*rows, total], numbers=[3, 4])
    if len(listed) < len(found["layers"]):
        print("activations and dropout, which learn nothing and keep the shape, are left out")
    _print_remarks(found)


def _cells(layer: dict[str, Any]) -> list[str]:
    shape = "×".join(map(str, layer["output"]))
    return [layer["kind"], shape, f"{layer['parameters']:,}", f"{layer['multiply_adds']:,}"]


def indented(layers: list[dict[str, Any]]) -> list[str]:
    """The names, each with blanks for the blocks that it shares with the line above."""
    shown, above = [], [""]
    for layer in layers:
        parts = layer["layer"].split(".")
        same = 0
        while same < min(len(parts), len(above)) - 1 and parts[same] == above[same]:
            same += 1
        shown.append(" " * len("".join(f"{part}." for part in parts[:same])) + ".".join(parts[same:]))
        above = parts
    return shown


def _print_remarks(found: dict[str, Any]) -> None:
    print(f"\nweights: {found['bytes'] / 1e6:,.2f} MB as float32")
    apart = found["parameters"] - sum(layer["parameters"] for layer in found["layers"])
    if apart:
        print(f"{apart:,} of the parameters serve in training only, or stand beside the layers")
    if found["stem"]:
        print(f"stem: {found['stem']['chosen']}, {found['stem']['why']}")
