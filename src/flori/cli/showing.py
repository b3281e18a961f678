"""flori show: a recipe with its meanings, its equations, and the network layer by layer."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from typing import Any

from flori.cli.printing import print_json, print_table, scores_text
from flori.core.errors import UserError
from flori.core.overrides import apply, choices
from flori.core.recipe import SHORT, Recipe, get, settings
from flori.recipes.catalogue import find


def show_system(name: str, words: list[str], as_json: bool, equation: bool) -> None:
    """Print all that is known of a system under the given settings."""
    recipe = apply(find(name), words)
    if equation:
        text = files("flori.reference").joinpath(f"{recipe.reference or name.replace('-', '_')}.py").read_text()
        if as_json:
            print_json({"system": name, "equation": text})
        else:
            print(text, end="")
        return
    layers, remark = _layers(recipe)
    if as_json:
        print_json(_document(recipe, layers))
    else:
        _print(recipe, layers, remark)


def _layers(recipe: Recipe) -> tuple[list[dict[str, Any]], str]:
    """The layers for the data of the recipe, or a remark on why they cannot be told."""
    from flori.models.shapes import layers
    from flori.recipes.assembly import build_model, load_data

    try:
        codec = load_data(recipe).codec
    except UserError as problem:
        return [], f"the layers depend on the data, which cannot be read: {problem}"
    return layers(build_model(recipe, codec), codec.shape), ""


def _rows(recipe: Recipe) -> list[dict[str, Any]]:
    short, allowed = {dotted: key for key, dotted in SHORT.items()}, choices(recipe)
    return [
        {
            "key": short.get(name, name),
            "value": get(recipe, name),
            "default": get(find(recipe.system), name),
            "meaning": field.metadata["meaning"],
            "choices": allowed.get(name, ()),
        }
        for name, field in settings(recipe).items()
    ]


def _document(recipe: Recipe, layers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "system": recipe.system,
        "about": recipe.about,
        "tasks": recipe.tasks,
        "settings": _rows(recipe),
        "layers": layers,
        "parameters": sum(layer["parameters"] for layer in layers),
        "evidence": [dataclasses.asdict(evidence) for evidence in recipe.evidence],
    }


def _print(recipe: Recipe, layers: list[dict[str, Any]], remark: str) -> None:
    print(f"{recipe.system}: {recipe.about}\n")
    rows = _rows(recipe)
    changed = [f"{_text(row['value'])}{'' if row['value'] == row['default'] else '  *'}" for row in rows]
    print_table(["key", "value", "meaning"], [[r["key"], v, _meaning(r)] for r, v in zip(rows, changed, strict=True)])
    if any(row["value"] != row["default"] for row in rows):
        print("\n* changed from the default")
    print()
    if layers:
        table = [
            [
                layer["layer"],
                layer["kind"],
                "×".join(map(str, layer["output"])),
                f"{layer['parameters']:,}",
                f"{layer['multiply_adds']:,}",
            ]
            for layer in layers
        ]
        total = [
            "",
            "",
            "",
            f"{sum(x['parameters'] for x in layers):,}",
            f"{sum(x['multiply_adds'] for x in layers):,}",
        ]
        print_table(["layer", "kind", "output", "parameters", "multiply-adds"], [*table, total], numbers=[3, 4])
    else:
        print(remark)
    for evidence in recipe.evidence:
        where = f"{evidence.seconds:g} s on {evidence.machine}, {evidence.date}"
        print(f"\nreached {scores_text(evidence.scores)} in {where}")
        print(f"  {evidence.command}")


def _meaning(row: dict[str, Any]) -> str:
    return f"{row['meaning']} [{', '.join(row['choices'])}]" if row["choices"] else row["meaning"]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
