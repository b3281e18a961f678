"""A recipe → the parts of a run: data, network, objective, update, state."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from flori import models
from flori.artifacts.weights import Weights
from flori.core import seeds
from flori.core.device import choose_device, choose_precision, parameter_type
from flori.core.errors import UserError
from flori.core.ranks import ALONE, Ranks, current, give_up_within
from flori.core.recipe import Recipe, Training
from flori.data.codec import Batches, Codec, Prepared, fingerprint
from flori.data.examples import Part
from flori.data.families import prepare
from flori.data.shares import WHOLE, Share
from flori.layers.norm_over_all import normed_over_all
from flori.models.nadaraya_watson import NadarayaWatson
from flori.objectives.leave_one_out import leave_one_out
from flori.objectives.objective import Objective
from flori.recipes.apart import apart
from flori.recipes.arranging import arranged
from flori.recipes.starting import find_weights, note_frozen, standardised_alike, take
from flori.recipes.suiting import must_suit, slowness
from flori.recipes.tasks import Task, named, task_of
from flori.training.asynchronous import Owner, Worker, slowed
from flori.training.freezing import freeze
from flori.training.mesh import ALL_ALONE, Order, ordered
from flori.training.perceptron import rosenblatt
from flori.training.proximal import at_its_rate
from flori.training.state import State, averaged
from flori.training.transfer import Transfer
from flori.training.updates import Update, counting, descent, judgement, solution


@dataclass(frozen=True)
class Assembly:
    """All that one run works with. `steps` is the number of updates in all, `parameters` how many numbers the network
    has to learn, be they frozen in this run or not, `taken` what became of other weights that it begins from, `order`
    who trains together and how, and `share` what of each batch this one learns from. Of those that do not wait for each
    other the `owner` is alone, and a `worker` has nothing but its work."""

    recipe: Recipe
    data: Prepared
    task: Task
    state: State
    batches: Batches
    update: Update
    steps: int
    device: torch.device
    precision: str
    objective: Objective[Any]
    parameters: int
    taken: Transfer | None = None
    order: Order = ALL_ALONE
    share: Share = WHOLE
    owner: Owner | None = None
    worker: Worker | None = None

    @property
    def codec(self) -> Codec:
        return self.data.codec

    @property
    def ranks(self) -> Ranks:
        """All who train together."""
        return self.order.ranks

    def fingerprint(self) -> str:
        """What the run's data is known by, to notice that it changed between two sittings."""
        return fingerprint(self.data.parts)


def build_model(recipe: Recipe, codec: Codec) -> torch.nn.Module:
    """The network of a recipe with the initial weights that its seed decides, on the processor."""
    with seeds.scope(recipe.seed, "init"):
        try:
            return models.build(recipe.system, *codec.sizes, dataclasses.asdict(recipe.model))
        except ValueError as problem:
            raise UserError(f"data={recipe.data.source} does not suit {recipe.system}: {problem}") from None


def assemble(recipe: Recipe, begun: dict[str, Any] | None = None) -> Assembly:
    """Everything that a run of the recipe needs. Raises UserError for whatever does not fit together.

    Args:
        begun: init.json of a run that goes on from a checkpoint.
    """
    options = recipe.training
    must_suit(recipe)
    device = choose_device(recipe.device)
    order = ordered(current(), device, recipe.parallel)
    give_up_within(recipe.parallel.timeout, order.data, order.tensor, order.stages)
    ranks = order.ranks
    precision = choose_precision(recipe.precision, device, recipe.convolutional or recipe.heavy)
    dtype = parameter_type(precision)
    weights, data = find_weights(recipe, begun), prepare(recipe)
    data = data if weights is None else standardised_alike(data, weights)
    task = task_of(data.codec, options)
    model, taken, frozen = begin(recipe, data.codec, weights, order.data)
    _must_see_all(data, model)
    count = sum(p.numel() for p in model.parameters())
    model.to(device, dtype)
    if recipe.convolutional:
        model.to(memory_format=torch.channels_last)  # the order in which convolutions are fastest
    train, closed = data.parts["train"], options.optimizer == "closed-form"
    _must_have_variance(recipe, model)
    counts = options.optimizer == "counting"
    learns = any(p.requires_grad for p in model.parameters()) or counts
    whole = closed or not learns or options.optimizer in ("gd", "fista")
    size = len(train) if whole else options.batch
    if options.optimizer == "gd":
        options = dataclasses.replace(options, accumulate=-(-size // options.batch))
    options = _in_parts(recipe, options, order)
    at_once = closed or counts or not learns
    share = Share(order.data, options.accumulate) if not at_once and options.optimizer != "perceptron" else WHOLE
    batches = data.codec.batches(train, size, device, dtype, recipe.seed, recipe.data, share)
    if options.optimizer == "gd":
        _must_be_at_once(recipe, data.codec, batches)
    objective = _objective(task, options, model, batches)
    steps = 1 if at_once else options.steps or (options.epochs or 1) * batches.per_epoch
    if recipe.parallel.strategy == "async" and not ranks.alone:
        still = State(model, None, frozen=frozen), batches, judgement(objective)
        by_itself = Assembly(recipe, data, task, *still, steps, device, precision, objective, count, taken)
        return apart(by_itself, ranks, size)
    if counts:
        state, update = State(model, None), counting(train.tokens)
    elif closed:
        state, update = State(model, None), solution(objective, options.weight_decay)
    elif not learns:
        state, update = State(model, None), judgement(objective)
    elif options.optimizer == "perceptron":
        state, update = State(model, None, averaged(model, options.average)), rosenblatt(batches.per_epoch)
    else:
        options = at_its_rate(options, train) if options.optimizer == "fista" else options
        state, together = arranged(recipe, options, model, data.codec.sample()[0], order, device, precision)
        state.frozen = frozen
        if state.sharded:
            state.rebuild = lambda: build_model(recipe, data.codec).to(device, dtype)
        update = descent(objective, options, steps, device, precision, together)
    if (times := slowness(recipe, ranks) if not ranks.alone else 1.0) > 1:
        update = slowed(update, times)
    return Assembly(
        recipe, data, task, state, batches, update, steps, device, precision, objective, count, taken, order, share
    )


def _in_parts(recipe: Recipe, options: Training, order: Order) -> Training:
    """The options, with the parts in which a batch goes through stages."""
    if order.stages.alone:
        return options
    several = options.accumulate if options.accumulate > 1 else 2 * order.stages.size
    return dataclasses.replace(options, accumulate=recipe.parallel.micro or several)


def _objective(task: Task, options: Training, model: nn.Module, batches: Any) -> Objective[Any]:
    """The task's. A model that keeps the training part is handed it here, and learns by leaving each row out."""
    if not isinstance(model, NadarayaWatson):
        return task.objective(options)
    train: Part = batches.part
    assert isinstance(train.inputs, torch.Tensor)
    model.remember(train.inputs, train.targets)
    return leave_one_out(train.inputs, train.targets, named(options))


def begin(
    recipe: Recipe, codec: Codec, weights: Weights | None, ranks: Ranks = ALONE
) -> tuple[nn.Module, Transfer | None, list[nn.Module]]:
    """The network as it begins, on the processor; what became of the weights, if there are any to take; and the modules
    that do not learn. `ranks` have a share of each batch."""
    model, options = build_model(recipe, codec), recipe.training
    if recipe.parallel.norm == "all" and not ranks.alone:
        normed_over_all(model, ranks)
    taken = take(model, weights, codec, recipe) if weights is not None and weights.tensors else None
    frozen = freeze(model, options.freeze) if options.freeze is not None else []
    if taken is not None:
        note_frozen(taken, model)
    return model, taken, frozen


def _must_see_all(data: Prepared, model: nn.Module) -> None:
    """Refuse sequences that are longer than a network with a bounded context can see."""
    context = getattr(model, "context", None)
    if context is None:
        return
    if data.codec.task == "language":
        if data.codec.window > context:
            hint = "the network sees no more at once"
            raise UserError(f"data.window={data.codec.window} is more than model.context={context}: {hint}")
        return
    longest = max(int(part.numbers.lengths.max()) for part in data.parts.values())
    if longest > context:
        what = f"a sentence takes {longest} places, and positions are learned for model.longest={context} only"
        raise UserError(f"{what}; raise it, or set model.positions=sinusoidal")


def _must_be_at_once(recipe: Recipe, codec: Codec, batches: Batches) -> None:
    """Refuse gradient descent on all examples where they are not read as one batch."""
    if codec.task == "language" or batches.per_epoch > 1:
        hint = f"data={recipe.data.source} is read in many batches; optimizer=sgd takes a step for each"
        raise UserError(f"optimizer=gd takes all examples at every step: {hint}")


def _must_have_variance(recipe: Recipe, model: torch.nn.Module) -> None:
    """Refuse batch norm on single examples: one has no variance, or in a large map only its own, which is not what
    evaluation goes by. Of larger batches, `Batches` and `Batch.divided` leave none alone."""
    if recipe.training.batch < 2 and any(isinstance(layer, _BatchNorm) for layer in model.modules()):
        raise UserError(
            f"batch=1: {recipe.system} has batch norm, which needs at least two examples at once; set batch=2 or more, "
            "and training.accumulate to save memory: it divides a batch into parts of two or more"
        )
