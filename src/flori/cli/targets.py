"""What `flori inspect` is asked about: a system under settings, or a run."""

from __future__ import annotations

from flori.core.errors import UserError
from flori.core.overrides import apply
from flori.core.paths import path_of
from flori.core.recipe import Recipe
from flori.recipes.catalogue import ALL, find


def recipe_of(target: str, settings: list[str]) -> Recipe:
    """The recipe of a system, or of a run's folder, with settings applied. Raises UserError where it is neither."""
    if any(recipe.system == target for recipe in ALL):
        return apply(find(target), settings)
    if path_of(target).is_dir():
        from flori.recipes.run import load

        return apply(load(target).recipe, settings)
    try:
        return apply(find(target), settings)
    except UserError as problem:
        raise UserError(f"{problem}; nor is there a folder {target} with a run") from None
