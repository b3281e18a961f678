"""How ranks learn a network: each all of it, shares of its weights, of its layers, or some of its layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from flori.core.ranks import ALONE
from flori.core.recipe import Recipe, Training
from flori.recipes.suiting import must_suit_shards
from flori.training import optimizers
from flori.training.mesh import Order
from flori.training.sharding import is_sharded, move_by_shares, replicated, shard
from flori.training.state import State, averaged
from flori.training.together import BY_ITSELF, DataParallel, Sharded, Together

if TYPE_CHECKING:
    from flori.training.pipeline import Plan


def arranged(
    recipe: Recipe,
    options: Training,
    model: nn.Module,
    sample: Tensor,
    order: Order,
    device: torch.device,
    precision: str,
) -> tuple[State, Together]:
    """The state of a network that is learnt by steps, and what a step asks of all ranks. `sample` is one example as the
    network takes it."""
    if not order.stages.alone:
        return _in_stages(recipe, options, model, sample, order, device, precision)
    average = averaged(model, options.average)
    together = _together(recipe, model, average, order)
    sharded = any(map(is_sharded, model.parameters()))
    return State(model, optimizers.build(model, options), average, wrapped=together.network, sharded=sharded), together


def _together(recipe: Recipe, model: nn.Module, average: AveragedModel | None, order: Order) -> Together:
    if order.ranks.alone:
        return BY_ITSELF
    if not order.tensor.alone:
        return _divided(recipe, model, average, order)
    if recipe.parallel.strategy == "data":
        return DataParallel(model, order.data, order.mesh)
    must_suit_shards(recipe)
    shard(model, average, order.mesh)
    return Sharded(model, order.data)


def _divided(recipe: Recipe, model: nn.Module, average: AveragedModel | None, order: Order) -> Together:
    """Ranks along "tensor" divide layers; those along "data" learn the same ones."""
    from flori.training.splitting import divisible, must_divide, split  # takes a while, and one process needs none

    kinds = divisible(model, order.tensor.size)
    must_divide(kinds, model, order.tensor.size, recipe.system)
    for one in [model] if average is None else [model, average.module]:
        split(one, order.mesh["tensor"], kinds)
    if average is not None:
        move_by_shares(average)
    if not order.data.alone:
        replicated(model, order.mesh["data"])
    return Sharded(model, order.data)


def _in_stages(
    recipe: Recipe,
    options: Training,
    model: nn.Module,
    sample: Tensor,
    order: Order,
    device: torch.device,
    precision: str,
) -> tuple[State, Together]:
    """Each rank keeps the layers of its stage, shares of them where there are ranks along "tensor". Those along "data"
    learn the same ones, and each keeps a share with parallel=shard."""
    from flori.training.pipeline import Stage, cut, planned
    from flori.training.staged import Staged, shared

    stages = order.stages
    plan = planned(model, stages.size, sample.to(device, _kind(model, sample)), recipe.system)
    sharing = recipe.parallel.strategy == "shard" and not order.data.alone
    common = shared(plan, model, order.data if sharing else ALONE)
    all_of_them = optimizers.names(optimizers.build(model, options), model)
    kinds = {} if order.tensor.alone else _of_stage(recipe, model, plan, order)
    cut(model, plan, stages.rank)
    average = averaged(model, options.average)
    if kinds:
        from flori.training.splitting import split

        for one in [model] if average is None else [model, average.module]:
            split(one, order.mesh["tensor"], kinds)
    stage = Stage(model, plan.of(stages.rank), device, precision)
    if sharing:
        shard(stage, average, order.mesh["data"], by_blocks=False)  # torch puts those of a stage together
    elif not order.data.alone:
        replicated(stage, order.mesh["data"])
    if average is not None:
        move_by_shares(average)
    optimizer = optimizers.build(model, options)
    state = State(model, optimizer, average, stages=stages, sharded=True)
    state.numbered = [all_of_them.index(name) for name in optimizers.names(optimizer, model)]
    return state, Staged(stage, plan, order, common)


def _of_stage(recipe: Recipe, model: nn.Module, plan: Plan, order: Order) -> dict[str, str]:
    """What this rank's stage has that ranks along "tensor" divide, of a network that is not cut yet."""
    from flori.training.splitting import divisible, must_divide

    ranks, stages = order.tensor.size, order.stages
    found = [divisible(model, ranks, partial(plan.holds, stage)) for stage in range(stages.size)]
    must_divide({name: kind for one in found for name, kind in one.items()}, model, ranks, recipe.system)
    return found[stages.rank]


def _kind(model: nn.Module, sample: Tensor) -> torch.dtype:
    return next(model.parameters()).dtype if sample.is_floating_point() else sample.dtype
