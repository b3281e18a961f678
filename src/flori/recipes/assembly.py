"""A recipe → the parts of a run: data, network, objective, update, state."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import torch

from flori import models
from flori.core import seeds
from flori.core.device import choose_device, choose_precision, parameter_type
from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.data.batches import Batches
from flori.data.picture_files import content
from flori.data.preparing import Codec, Prepared, prepare
from flori.data.sources import read
from flori.recipes.tasks import TASKS, Task
from flori.training import optimizers
from flori.training.state import State, averaged
from flori.training.updates import Update, descent, solution


@dataclass(frozen=True)
class Assembly:
    """All that one run works with. `steps` is the number of updates in all."""

    recipe: Recipe
    data: Prepared
    task: Task
    state: State
    batches: Batches
    update: Update
    steps: int
    device: torch.device
    precision: str

    @property
    def codec(self) -> Codec:
        return self.data.codec

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(p.numel() for p in self.state.model.parameters() if p.requires_grad)

    def fingerprint(self) -> str:
        """A hash of all examples as prepared, or of their files: to notice that data changed between two sittings."""
        digest = hashlib.blake2b(digest_size=16)
        for part in self.data.parts.values():
            for examples in (part.inputs, part.targets):
                digest.update(content(examples))
        return digest.hexdigest()


def load_data(recipe: Recipe) -> Prepared:
    """Read, divide and prepare the examples that a recipe names."""
    options = recipe.data
    return prepare(
        read(options),
        options,
        recipe.tasks,
        recipe.task,
        recipe.seed,
        needs_valid=recipe.training.patience is not None,
        size=options.size or recipe.input_size,
    )


def build_model(recipe: Recipe, codec: Codec) -> torch.nn.Module:
    """The network of a recipe with the initial weights that its seed decides, on the processor."""
    with seeds.scope(recipe.seed, "init"):
        try:
            return models.build(recipe.system, codec.outputs, codec.shape, dataclasses.asdict(recipe.model))
        except ValueError as problem:
            raise UserError(f"data={recipe.data.source} does not suit {recipe.system}: {problem}") from None


def assemble(recipe: Recipe) -> Assembly:
    """Everything that a run of the recipe needs. Raises UserError for whatever does not fit together."""
    options = recipe.training
    device = choose_device(recipe.device)
    precision = choose_precision(recipe.precision, device, recipe.convolutional)
    dtype = parameter_type(precision)
    data = load_data(recipe)
    task = TASKS[data.codec.task]
    model = build_model(recipe, data.codec).to(device, dtype)
    train, closed = data.parts["train"], options.optimizer == "closed-form"
    size = len(train) if closed else options.batch
    batches = Batches.of(train, size, data.codec.preparation, device, dtype, recipe.seed, recipe.data)
    objective = task.objective(options)
    steps = 1 if closed else options.steps or (options.epochs or 1) * batches.per_epoch
    if closed:
        _must_be_linear(recipe, data.codec)
        state, update = State(model, None), solution(objective, options.weight_decay)
    else:
        state = State(model, optimizers.build(model, options), averaged(model, options.average))
        update = descent(objective, options, steps, device, precision)
    return Assembly(recipe, data, task, state, batches, update, steps, device, precision)


def _must_be_linear(recipe: Recipe, codec: Codec) -> None:
    if recipe.system != "linear-regression" or codec.task != "regression":
        hint = f"{recipe.system} learns by steps, as with optimizer=sgd"
        raise UserError(f"optimizer=closed-form solves linear-regression only; {hint}")
