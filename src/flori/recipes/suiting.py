"""Which rules of learning suit which systems, penalties and losses."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from flori.core.errors import UserError
from flori.core.ranks import Ranks
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


def must_suit_asynchrony(recipe: Recipe, model: nn.Module, device: str, carries: bool) -> None:
    """Raises UserError for what workers that do not wait for each other have no common state of."""
    options, what = recipe.training, None
    if options.optimizer not in ("sgd", "momentum") or options.nesterov:
        rule = "nesterov" if options.nesterov else options.optimizer
        what = f"is by optimizer=sgd or momentum, not {rule}"
    elif any(isinstance(layer, _BatchNorm) for layer in model.modules()):
        what = f"has no place for the means that batch norm remembers, which {recipe.system} has"
    elif carries:
        what = "hands out batches in any order, and data.order=sequential carries a state along them; set random"
    elif getattr(recipe.data, "cache", "memory") == "none":
        what = "hands out batches in any order, and data.cache=none reads ahead"
    elif device != "cpu":
        what = f"is for processors, and device={recipe.device} is {device}; set device=cpu"
    if what is not None:
        raise UserError(f"parallel=async {what}")


def slowness(recipe: Recipe, ranks: Ranks) -> float:
    """How many times as long as need be this rank is to take. Raises UserError for what does not name one of them."""
    if recipe.parallel.slow is None:
        return 1.0
    rank, _, factor = recipe.parallel.slow.partition(":")
    try:
        slow, times = int(rank), float(factor)
    except ValueError:
        slow, times = -1, 0.0
    first = 1 if recipe.parallel.strategy == "async" else 0  # who owns the weights is no worker
    if not first <= slow < ranks.size or not 1 <= times < 1e6:
        those = f"a rank from {first} to {ranks.size - 1} and a factor of 1 or more"
        raise UserError(f"parallel.slow={recipe.parallel.slow}: wanted is RANK:FACTOR, {those}, as {first}:4")
    return times if slow == ranks.rank else 1.0


def must_suit_shards(recipe: Recipe) -> None:
    """Raises UserError for what needs all weights in one place at every step."""
    if recipe.system == "nadaraya-watson" or recipe.training.optimizer == "fista":
        what = recipe.system if recipe.system == "nadaraya-watson" else "optimizer=fista"
        raise UserError(f"parallel=shard: {what} works on all weights at once, which are few; take parallel=data")
