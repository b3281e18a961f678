"""flori show: a recipe with its meanings, its equations, and the network layer by layer."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from typing import Any

from flori.cli.layers import network, print_network
from flori.cli.printing import print_json, print_table, scores_text
from flori.cli.schedule import print_schedule, schedule
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
    found = network(recipe)
    if as_json:
        print_json(_document(recipe, found))
    else:
        _print(recipe, found)


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


def _document(recipe: Recipe, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "system": recipe.system,
        "about": recipe.about,
        "tasks": recipe.tasks,
        "settings": _rows(recipe),
        "schedule": schedule(recipe),
        **found,
        "evidence": [dataclasses.asdict(evidence) for evidence in recipe.evidence],
    }


def _print(recipe: Recipe, found: dict[str, Any]) -> None:
    print(f"{recipe.system}: {recipe.about}\n")
    rows = _rows(recipe)
    changed = [f"{_text(row['value'])}{'' if row['value'] == row['default'] else '  *'}" for row in rows]
    print_table(["key", "value", "meaning"], [[r["key"], v, _meaning(r)] for r, v in zip(rows, changed, strict=True)])
    if any(row["value"] != row["default"] for row in rows):
        print("\n* changed from the default")
    print()
    if rates := schedule(recipe):
        print_schedule(rates)
        print()
    print_network(found)
    for evidence in recipe.evidence:
        where = f"{evidence.seconds:g} s on {evidence.machine}, {evidence.date}"
        print(f"\nreached {scores_text(evidence.scores)} in {where}")
        print(f"  {evidence.command}")


def _meaning(row: dict[str, Any]) -> str:
    return f"{row['meaning']} [{', '.join(row['choices'])}]" if row["choices"] else row["meaning"]


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
