"""How ranks learn a network: each all of it, shares of its weights, of its layers, or some of its layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from flori.core.recipe import Recipe, Training
from flori.recipes.suiting import must_suit_shards
from flori.training import optimizers
from flori.training.mesh import Order
from flori.training.sharding import is_sharded, move_by_shares, replicated, shard
from flori.training.state import State, averaged
from flori.training.together import BY_ITSELF, DataParallel, Sharded, Together


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
    from flori.training.splitting import split  # takes a while to import, and one process needs nothing of it

    for one in [model] if average is None else [model, average.module]:
        split(one, order.mesh["tensor"], recipe.system)
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
    """Each rank keeps the layers of its stage, and ranks along "data" learn the same ones."""
    from flori.training.pipeline import Stage, cut, planned
    from flori.training.staged import Staged, shared

    stages = order.stages
    plan = planned(model, stages.size, sample.to(device, _kind(model, sample)), recipe.system)
    common, all_of_them = shared(plan, model), optimizers.names(optimizers.build(model, options), model)
    cut(model, plan, stages.rank)
    average = averaged(model, options.average)
    stage = Stage(model, plan.of(stages.rank), device, precision)
    if not order.data.alone:
        replicated(stage, order.mesh["data"])
    if average is not None:
        move_by_shares(average)
    optimizer = optimizers.build(model, options)
    state = State(model, optimizer, average, stages=stages, sharded=True)
    state.numbered = [all_of_them.index(name) for name in optimizers.names(optimizer, model)]
    return state, Staged(stage, plan, order, common)


def _kind(model: nn.Module, sample: Tensor) -> torch.dtype:
    return next(model.parameters()).dtype if sample.is_floating_point() else sample.dtype
