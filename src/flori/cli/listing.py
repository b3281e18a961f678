"""flori list."""

from __future__ import annotations

import dataclasses

from flori.cli.printing import print_json, print_table
from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.recipes.catalogue import ALL


def list_systems(task: str | None, as_json: bool) -> None:
    """Every system, or those for one task."""
    tasks = sorted({one for recipe in ALL for one in recipe.tasks})
    if task is not None and task not in tasks:
        raise UserError(f"no system does the task {task!r}; there are {', '.join(tasks)}")
    found = [recipe for recipe in ALL if task is None or task in recipe.tasks]
    if as_json:
        print_json([_document(recipe) for recipe in found])
        return
    rows = [[r.system, ", ".join(r.tasks), r.data.source, *_best(r), r.about] for r in found]
    print_table(["system", "task", "data", "reached", "on", "parameters", "what it is"], rows)


def _document(recipe: Recipe) -> dict[str, object]:
    return {
        "name": recipe.system,
        "tasks": recipe.tasks,
        "about": recipe.about,
        "data": recipe.data.source,
        "evidence": [dataclasses.asdict(evidence) for evidence in recipe.evidence],
    }


def _best(recipe: Recipe) -> list[str]:
    """The first piece of evidence, on the recipe's own data where there is one: its score, its data, and the number of
    parameters."""
    if not recipe.evidence:
        return ["", "", ""]
    first = min(recipe.evidence, key=lambda one: one.data != recipe.data.source)
    return [first.headline, first.data, f"{first.parameters:,}"]
