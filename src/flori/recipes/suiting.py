"""Which rules of learning suit which systems, penalties and losses."""

from __future__ import annotations

from flori.core.errors import UserError
from flori.core.recipe import Recipe

OWN = {"ngram": "counting", "perceptron": "perceptron"}
"""Systems that are learnt by a rule of their own, which is for no other."""
SOLVED = {"closed-form": ("auto", "squared"), "fista": ("auto", "squared", "huber")}
"""Rules that solve a linear regression, and the losses that they solve it for."""
PROXIMAL = ("gd", "sgd", "momentum", "nesterov", "fista")


def must_suit(recipe: Recipe) -> None:
    """Raises UserError for a rule that the system cannot be learnt by, and for penalties and losses that it has not."""
    system, optimizer, own = recipe.system, recipe.training.optimizer, OWN.get(recipe.system)
    if own != optimizer and (own or optimizer in OWN.values()):
        only = next((name for name, rule in OWN.items() if rule == optimizer), "")
        hint = f"it is learnt by optimizer={own}" if own else f"it is the rule of {only} only"
        raise UserError(f"optimizer={optimizer} does not suit {system}: {hint}")
    if optimizer in SOLVED and system != "linear-regression":
        hint = f"{system} learns by steps, as with optimizer=sgd"
        raise UserError(f"optimizer={optimizer} solves linear-regression only; {hint}")
    if recipe.training.l1 and optimizer not in PROXIMAL:
        what = f"training.l1={recipe.training.l1:g} takes proximal steps, which optimizer={optimizer} has not"
        raise UserError(f"{what}; sgd has them, and fista for linear-regression")
    if recipe.training.loss not in SOLVED.get(optimizer, (recipe.training.loss,)):
        what = f"optimizer={optimizer} solves for {SOLVED[optimizer][-1]} loss"
        raise UserError(f"{what}; training.loss={recipe.training.loss} takes steps, as with optimizer=sgd")


def must_suit_shards(recipe: Recipe) -> None:
    """Raises UserError for what needs all weights in one place at every step."""
    if recipe.system == "nadaraya-watson" or recipe.training.optimizer == "fista":
        what = recipe.system if recipe.system == "nadaraya-watson" else "optimizer=fista"
        raise UserError(f"parallel=shard: {what} works on all weights at once, which are few; take parallel=data")
