"""The network of a run as a function of its weights, on examples of its own data."""

from __future__ import annotations

from flori.core import seeds
from flori.models.calls import Calls
from flori.recipes.assembly import Assembly
from flori.recipes.memory import first_batch
from flori.training.modes import Differentiable


def differentiable(run: Assembly, examples: int) -> Differentiable | None:
    """The function for about so many examples of the first batch; None where nothing is learnt by gradients.

    A step is taken on them, to see what the network is called with.
    """
    if run.state.optimizer is None:
        return None
    batch = first_batch(run)
    part = batch.divided(max(1, len(batch) // examples))[0]
    run.state.learn()
    with Calls(run.state.model, keep=True).watched() as calls, seeds.scope(run.recipe.seed, "step", 0):
        run.update(run.state, part)
        given = calls.found[0].given
    return Differentiable(run.state.model, given)
