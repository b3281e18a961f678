"""Every recipe, in the order of the books. Importing this does not import torch."""

from __future__ import annotations

import difflib

from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.recipes import lenet, linear_regression, mlp, softmax_regression

ALL = [module.RECIPE for module in (linear_regression, softmax_regression, mlp, lenet)]
_BY_NAME = {recipe.system: recipe for recipe in ALL}


def find(name: str) -> Recipe:
    """The recipe of a system. Raises UserError with the nearest name for one that is not there."""
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"no system is called {name!r}; {hint}flori list shows them all")
    return _BY_NAME[name]
