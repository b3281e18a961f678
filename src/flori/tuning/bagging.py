"""Ensembles: K runs that differ in their seed and in what they drew of the training part, averaged into one predictor.

Breiman, "Bagging predictors" (1996). All members divide the data and prepare their inputs alike, so that one test part
is unseen by all of them; they are ordinary runs in DIR/member-I, and DIR itself is a run that predicts by their mean.
"""

from __future__ import annotations

from typing import Any

import flori
from flori.artifacts.predictor import Predictor
from flori.artifacts.run_folder import RunFolder
from flori.core.errors import UserError
from flori.core.recipe import Recipe, replace, values
from flori.data import families
from flori.data.codec import fingerprint
from flori.prediction.averaged import Averaged
from flori.recipes.beginning import held_pictures
from flori.recipes.run import load
from flori.recipes.tasks import task_of
from flori.tuning.folds import spread
from flori.tuning.several import open_several

KIND = "bag"
MOST = 1_000  # members; each is a run, and all answer together
TASKS = {"classification", "regression"}


def begin_bag(recipe: Recipe, number: int, bootstrap: bool, run: str | None, command: str) -> RunFolder:
    """The folder of an ensemble, new or begun with the same settings. Raises UserError for what cannot be averaged."""
    if number < 2:
        raise UserError(f"--members {number}: two are the least that can be averaged; usual are 5 to 20")
    if number > MOST:
        raise UserError(f"--members {number}: {MOST:,} are the most, for each is a run; usual are 5 to 20")
    if not TASKS & set(recipe.tasks) or recipe.task not in {"auto", *TASKS}:
        tasks = " and ".join(recipe.tasks)
        raise UserError(f"flori bag averages classes and numbers; {recipe.system} does {tasks}, which have no mean")
    return open_several(KIND, base_recipe(recipe), {"members": number, "bootstrap": bootstrap}, run, command)


def base_recipe(recipe: Recipe) -> Recipe:
    """The recipe of the ensemble: how its data is divided, whatever the seed of a member."""
    division = recipe.seed if recipe.data.division is None else recipe.data.division
    return replace(recipe, {"data.division": division, "data.bootstrap": False})


def member_recipes(recipe: Recipe, number: int, bootstrap: bool) -> dict[str, Recipe]:
    """The recipe of each member by the name of its folder; the first has the seed of the ensemble."""
    return {
        f"member-{i + 1}": replace(recipe, {"seed": recipe.seed + i, "data.bootstrap": bootstrap})
        for i in range(number)
    }


def finish_bag(folder: RunFolder, recipe: Recipe, number: int, bootstrap: bool) -> dict[str, Any]:
    """Make a run of the folder from members that are all done: model/, recipe.json, report.html, and last summary.json,
    which is returned."""
    names = list(member_recipes(recipe, number, bootstrap))
    members = [load(folder.path / name).predictor() for name in names]
    summaries = [RunFolder(folder.path / name).read("summary.json") for name in names]
    together = _averaged(members)
    options = replace(recipe, held_pictures(RunFolder(folder.path / names[0]), recipe)).data
    parts = together.codec.read(options, recipe.seed, True, recipe.training.patience is not None)
    judged = [part for part in ("valid", "test") if part in parts]
    task = task_of(together.codec, recipe.training)
    scores = {part: task.judge(together, parts[part], True).scores for part in judged}
    by_member: list[dict[str, Any]] = [
        {"member": i, "run": name, "scores": one["scores"][judged[-1]]}
        for i, (name, one) in enumerate(zip(names, summaries, strict=True), 1)
    ]
    summary = {
        "status": "done",
        "system": recipe.system,
        "data": recipe.data.source,
        "members": number,
        "bootstrap": bootstrap,
        "part": judged[-1],
        "best": task.best[0],
        "scores": scores,
        **spread([one["scores"] for one in by_member]),
        "by_member": by_member,
        "parameters": sum(one["parameters"] for one in summaries),
        "steps": sum(one["steps"] for one in summaries),
        "seconds": round(sum(one["seconds"] for one in summaries), 3),
        **{name: summaries[0][name] for name in ("device", "precision")},
        "version": flori.__version__,
    }
    together.save(folder.model, _options(recipe), scores)
    folder.write("recipe.json", _document(folder, recipe, names[0], fingerprint(parts)))
    from flori.tuning.pages import bag_page  # brings matplotlib, which training does not wait for

    bag_page(folder, summary, recipe)
    folder.write("summary.json", summary)
    return summary


def _averaged(members: list[Predictor]) -> Predictor:
    """One predictor of all. Raises UserError where they do not see inputs alike."""
    first = members[0]
    if any(families.state(one.codec) != families.state(first.codec) for one in members):
        raise UserError("the members do not prepare their inputs alike: the data changed between them; begin anew")
    if first.codec.task not in TASKS:
        raise UserError(f"flori bag averages classes and numbers, not {first.codec.task}")
    model = Averaged([one.model for one in members], first.codec.task == "classification")
    return Predictor(first.system, first.codec, model, first.device, first.precision)


def _options(recipe: Recipe) -> dict[str, Any]:
    prefix = "model."
    return {name.removeprefix(prefix): value for name, value in values(recipe).items() if name.startswith(prefix)}


def _document(folder: RunFolder, recipe: Recipe, member: str, content: str) -> dict[str, Any]:
    """recipe.json: as a run has it, so that the folder is evaluated and predicted with like one."""
    made = RunFolder(folder.path / member).read("recipe.json")
    command = folder.read(f"{KIND}.json")["command"]
    own = {"recipe": values(recipe), "command": command, "seed": recipe.seed, "fingerprint": content}
    return {**made, **own}
