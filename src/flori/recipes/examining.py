"""A recipe or a run → the examination of its network: a few steps on its data, of which nothing is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from flori.artifacts import checkpoints
from flori.artifacts.run_folder import RunFolder
from flori.core.device import choose_device, parameter_type
from flori.core.errors import UserError
from flori.core.recipe import Recipe, replace
from flori.models.nadaraya_watson import NadarayaWatson
from flori.prediction.averaged import Averaged
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.beginning import held_pictures, recorded_recipe
from flori.recipes.run import Run
from flori.training.health import MOST, MOST_RELATED, Examination, examine
from flori.training.updates import descent

STEPS = 20
Tell = Callable[[int], None]


def examined(recipe: Recipe, tell: Tell = lambda done: None) -> Examination:
    """The network of a recipe as it begins and after a few steps: the recipe's own schedule in that many steps.

    Raises UserError where the recipe does not learn by steps.
    """
    _must_descend(recipe.system, recipe.training.optimizer)
    run = assemble(_plain(recipe))
    if run.state.optimizer is None:
        raise UserError(f"{recipe.system} has nothing to learn: --health looks at what learning does")
    steps = min(STEPS, run.steps)
    update = descent(run.objective, recipe.training, steps, run.device, run.precision)
    loaded = [*run.taken.loaded, *run.taken.partly] if run.taken else []
    batches = _first(run.batches, steps)
    more: Any = {"steps": run.steps, "loaded": loaded, "seed": recipe.seed, "tell": tell}
    return examine(run.state, run.objective, update, batches, _held_out(run), **more)


def examined_run(path: str | Path) -> tuple[str, Examination]:
    """The system of a run and its trained network, which takes no step. Nothing is written into its folder.

    Raises UserError where there are no weights yet, or where the data has changed.
    """
    folder = RunFolder.open(path)
    recipe, document = recorded_recipe(folder), folder.read("recipe.json")
    _must_descend(recipe.system, recipe.training.optimizer)
    recipe = replace(recipe, {"device": document["resolved"]["device"], **held_pictures(folder, recipe)})
    run = assemble(_plain(recipe), folder.read("init.json") if recipe.training.init is not None else None)
    if document.get("fingerprint") != run.fingerprint():
        raise UserError(
            f"{path}: the data behind data={recipe.data.source} has changed since the run began; put it back"
        )
    _take_weights(run, folder)
    batches = _first(run.batches, MOST)
    found = examine(
        run.state, run.objective, None, batches, _held_out(run), steps=run.steps, trained=True, seed=recipe.seed
    )
    return recipe.system, found


def _plain(recipe: Recipe) -> Recipe:
    """Without bfloat16, whose fused operations show no layers, and where sums can be taken in float64."""
    place = {"device": "cpu"} if choose_device(recipe.device).type == "mps" else {}
    return replace(recipe, {**place, **({} if recipe.precision == "float64" else {"precision": "float32"})})


def _must_descend(system: str, optimizer: str) -> None:
    if optimizer in ("closed-form", "counting", "perceptron"):
        hint = "; optimizer=sgd does" if optimizer == "closed-form" else ""
        raise UserError(f"{system}: optimizer={optimizer} takes no steps whose health could be looked at{hint}")


def _take_weights(run: Assembly, folder: RunFolder) -> None:
    if folder.model.is_dir():
        model = Run(folder.path).predictor().model
        if isinstance(model, Averaged):
            raise UserError(f"{folder.path} is an ensemble, and health is of one network: {folder.path / 'member-1'}")
        run.state.model.load_state_dict(model.state_dict())
        return
    found, _ = checkpoints.load_newest(folder.checkpoints)
    if found is None:
        raise UserError(f"{folder.path} holds no weights yet; flori resume {folder.path} trains it")
    run.state.restore(found.tensors, found.numbers, run.share)


def _first(batches: Any, count: int) -> list[Any]:
    """The first batches of training, from as many epochs as it takes."""
    found: list[Any] = []
    for epoch in range(math.ceil(count / batches.per_epoch)):
        found += islice(batches.epoch(epoch), count - len(found))
    return found


def _held_out(run: Assembly) -> list[Any]:
    """Batches of the part that is judged; none for a model that knows each training row by its bits."""
    if isinstance(run.state.model, NadarayaWatson):
        return []
    dtype, part = parameter_type(run.precision), run.data.parts[run.data.judged]
    batches = run.codec.batches(part, run.recipe.training.batch, run.device, dtype, run.recipe.seed)
    return _first(batches, min(MOST_RELATED, batches.per_epoch))
