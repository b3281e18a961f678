"""Names → recipes. The recipes room fills it; nothing here imports torch."""

from __future__ import annotations

import difflib

from flori.core.errors import UserError
from flori.core.recipe import Recipe

_recipes: dict[str, Recipe] = {}


def register(recipe: Recipe) -> Recipe:
    """Add a system's recipe under its name, and hand it back."""
    if recipe.system in _recipes:
        raise AssertionError(f"two recipes named {recipe.system}")
    _recipes[recipe.system] = recipe
    return recipe


def names() -> list[str]:
    """The names of all systems, in the order of the catalogue."""
    return list(_recipes)


def get(name: str) -> Recipe:
    """The recipe of a system. Raises UserError with the nearest name for one that is not there."""
    if name not in _recipes:
        near = difflib.get_close_matches(name, _recipes, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"no system is called {name!r}; {hint}flori list shows them all")
    return _recipes[name]
