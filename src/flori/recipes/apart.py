"""How ranks learn that do not wait for each other: one owns the weights, the others take it gradients."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flori.core.device import parameter_type
from flori.core.ranks import Ranks
from flori.data.shares import Share
from flori.recipes.suiting import must_suit_asynchrony, slowness
from flori.training import optimizers
from flori.training.asynchronous import Idle, Owner, Turns, Worker, slowed
from flori.training.state import State, averaged
from flori.training.updates import descent

if TYPE_CHECKING:
    from flori.recipes.assembly import Assembly


def apart(run: Assembly, ranks: Ranks, size: int) -> Assembly:
    """What a rank does that does not wait for others: the first owns the weights, the others take gradients. To all
    else the owner's run is that of one process alone."""
    recipe, model, options = run.recipe, run.state.model, run.recipe.training
    workers = ranks.size - 1
    frozen = run.state.frozen
    must_suit_asynchrony(recipe, model, run.device.type, getattr(recipe.data, "order", "random") == "sequential")
    times = slowness(recipe, ranks)
    if ranks.first:
        average = averaged(model, options.average)
        state = State(model, optimizers.build(model, options), average, frozen=frozen)
        owner = Owner(workers, recipe.parallel.staleness, options, run.steps, state)
        return dataclasses.replace(run, state=state, batches=Turns(run.batches), update=owner.update, owner=owner)  # type: ignore[arg-type]
    dtype, plain = parameter_type(run.precision), dataclasses.replace(options, clip=None, l1=0.0)
    shares = [
        run.codec.batches(
            run.data.parts["train"],
            size,
            run.device,
            dtype,
            recipe.seed,
            recipe.data,
            Share(Ranks(number, workers), options.accumulate),
        )
        for number in range(workers)
    ]
    update = slowed(descent(run.objective, plain, run.steps, run.device, run.precision), times)
    state = State(model, Idle(model), frozen=frozen)
    return dataclasses.replace(run, state=state, worker=Worker(workers, shares, state, update, options, recipe.seed))
