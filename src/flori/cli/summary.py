"""flori inspect without a view: layers, receptive fields, and the memory of a training step."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from flori.cli.layers import UNLISTED, codec_of, indented, network
from flori.cli.printing import print_json, print_table
from flori.cli.targets import recipe_of
from flori.core.errors import UserError
from flori.core.recipe import Recipe

WORDS = {
    "weights": "weights and buffers",
    "optimizer": "the optimiser's numbers",
    "batch": "the batch",
    "gradients": "gradients",
    "held": "still held for the backward pass",
    "workspace": "all else at that moment",
}


def summarise(target: str, settings: list[str], measure: bool, as_json: bool) -> None:
    """Print what a network costs: numbers, multiply-adds, memory by layer, receptive fields."""
    recipe = recipe_of(target, settings)
    codec = codec_of(recipe)
    found: dict[str, Any] = {"system": recipe.system, **network(recipe, codec), "memory": None, "measured": None}
    fields = _fields(recipe, codec)
    for layer in found["layers"]:
        layer["receptive_field"] = [field.size for field in fields.get(layer["layer"], ())] or None
    found["memory"], held = _predicted(recipe)
    found["layers"] = _with_held(found["layers"], held)
    if measure and "peak" in found["memory"]:
        from flori.cli.measuring import measured_alone

        print("flori: measuring a step in a process of its own …", file=sys.stderr)
        found["measured"] = measured_alone(recipe)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _fields(recipe: Recipe, codec: Any) -> dict[str, Any]:
    """The receptive fields of a network for pictures."""
    from flori.models.receptive import receptive_fields
    from flori.recipes.assembly import build_model

    first, *others = codec.sample()
    if others or first.dim() != 4:
        return {}
    return dict(receptive_fields(build_model(recipe, codec).eval(), first))


def _predicted(recipe: Recipe) -> tuple[dict[str, Any], dict[str, int]]:
    """The memory of a step, and what is held by layer; or a remark on why it cannot be told. Nothing is fetched."""
    from flori.data.named import NAMED, is_here
    from flori.recipes.assembly import assemble
    from flori.recipes.memory import predicted

    known = NAMED.get(recipe.data.source)
    if known is not None and not is_here(known):
        return {"remark": f"the memory of a step is told where the data is; {recipe.data.source} is not here yet"}, {}
    try:
        run = assemble(recipe)
    except UserError as problem:
        return {"remark": f"the memory of a step cannot be told: {problem}"}, {}
    if run.state.optimizer is None:
        return {"remark": "it is not learnt by steps of gradients, so none takes memory"}, {}
    print("flori: two small steps to predict the memory of a whole one …", file=sys.stderr)
    memory, held = predicted(run)
    return {
        **asdict(memory),
        "peak": memory.peak,
        "batch_size": recipe.training.batch,
        "precision": run.precision,
    }, held


def _with_held(layers: list[dict[str, Any]], held: dict[str, int]) -> list[dict[str, Any]]:
    """The layers with the bytes that each holds, a line more for what is done between them."""
    names = [layer["layer"] for layer in layers]
    found = [{**layer, "held": held.get(layer["layer"]) if names.index(layer["layer"]) == i else None}
             for i, layer in enumerate(layers)]  # fmt: skip
    for name in sorted(held.keys() - set(names)):
        first = name.partition(", ")[0]
        own = (i for i, layer in enumerate(found) if f"{layer['layer']}.".startswith(f"{first}."))
        place = next(own, len(found))
        nothing = {"output": [], "parameters": 0, "multiply_adds": 0, "receptive_field": None}
        found.insert(place, {"layer": name, "kind": _kind(name), **nothing, "held": held[name]})
    return found


def _kind(name: str) -> str:
    return "together" if ", " in name else "the objective" if name == "(loss)" else "between its layers"


def _print(found: dict[str, Any]) -> None:
    if found["layers"]:
        _print_layers(found)
    else:
        print(f"{found['system']} is one layer, without weights")
    _print_memory(found["memory"], found["measured"])


def _print_layers(found: dict[str, Any]) -> None:
    shown = [layer for layer in found["layers"] if layer["kind"] not in UNLISTED or layer["held"]]
    seen = any(layer["receptive_field"] for layer in shown)
    rows = [[name, *_cells(layer, seen)] for name, layer in zip(indented(shown), shown, strict=True)]
    held = sum(layer["held"] or 0 for layer in found["layers"])
    total = ["total", "", "", f"{found['parameters']:,}", f"{found['multiply_adds']:,}", _megabytes(held)]
    head = ["layer", "kind", "output", "parameters", "multiply-adds", "held MB", *(["sees"] if seen else [])]
    print_table(head, [*rows, total + [""] * seen], numbers=[3, 4, 5])
    print("\nparameters and multiply-adds: of one example; held: of a batch, when the backward pass begins")
    if seen:
        print("sees: the part of the picture that a number may depend on, pixels; at the rim some of it is padding")


def _cells(layer: dict[str, Any], seen: bool) -> list[str]:
    shape, field = ("×".join(map(str, layer[what] or ())) for what in ("output", "receptive_field"))
    numbers = [f"{layer['parameters']:,}", f"{layer['multiply_adds']:,}", _megabytes(layer["held"])]
    return [layer["kind"], shape, *numbers, *([field] if seen else [])]


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:,.2f}"


def _print_memory(memory: dict[str, Any], measured: dict[str, int | None] | None) -> None:
    if "remark" in memory:
        print(f"\n{memory['remark']}")
        return
    step = f"a training step on {memory['batch_size']} examples in {memory['precision']}"
    print(f"\nmemory of {step}, MB, predicted, when it takes most:")
    rows = [[WORDS[name], _megabytes(memory[name])] for name in WORDS]
    print_table(["", ""], [*rows, ["at the peak", _megabytes(memory["peak"])]], numbers=[1])
    for name, size in (measured or {}).items():
        if size:
            what = {"allocated": "as torch allocated it", "resident": "as the process grew"}[name]
            print(f"measured, {what}: {size / 1e6:,.2f}; the prediction is {memory['peak'] / size:.1%} of that")
