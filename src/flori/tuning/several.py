"""Several runs that belong together, each a run folder within one folder: folds of a set, members of an ensemble.

The folder holds ``KIND.json``, which says all that they are made by, from before the first of them begins until the
end. So whatever became of them, all can be gone on with: runs that are done are kept, one that was begun is resumed.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flori.artifacts.run_folder import RunFolder, check_free
from flori.core.errors import UserError
from flori.core.paths import path_of
from flori.core.recipe import SHORT, Recipe, values
from flori.recipes.beginning import begin, go_on, recorded_recipe, with_whole_paths
from flori.recipes.catalogue import find
from flori.recipes.session import Session


def open_several(kind: str, recipe: Recipe, chosen: Mapping[str, Any], run: str | None, command: str) -> RunFolder:
    """The folder for some runs: a new one, or one that was begun with just these settings.

    Args:
        kind: what the runs are for, as ``crossval``.
        chosen: what beside the recipe decides them.

    Raises UserError where the folder is in use, or was begun with other settings.
    """
    recipe = with_whole_paths(recipe)
    document = {"system": recipe.system, "recipe": values(recipe), **chosen, "command": command}
    if run is not None and (path_of(run) / f"{kind}.json").is_file():
        folder = RunFolder(path_of(run))
        _must_be_the_same(folder, kind, document)
        return folder
    if run is not None:
        check_free(path_of(run))
    folder = RunFolder.create(run, f"{recipe.system}-{kind}")
    folder.write(f"{kind}.json", document)
    return folder


def begun(kind: str, run: str) -> tuple[RunFolder, Recipe, dict[str, Any]] | None:
    """A folder of runs that was begun, their recipe, and all of its document; None if it is no folder of this kind."""
    folder = RunFolder(path_of(run))
    if not (folder.path / f"{kind}.json").is_file():
        return None
    return folder, recorded_recipe(folder, f"{kind}.json"), folder.read(f"{kind}.json")


def sessions(folder: RunFolder, recipes: Mapping[str, Recipe]) -> Iterator[tuple[str, Session]]:
    """Each run that is not done yet, to train to its end, with its name; its folder is locked meanwhile.

    Where not even the first can begin, nothing is left of the folder. Raises UserError for what cannot be trained.
    """
    for name, recipe in recipes.items():
        path = folder.path / name
        if is_done(path):
            continue
        if (path / "recipe.json").is_file():
            with RunFolder(path).lock():
                yield name, go_on(path)
            continue
        shutil.rmtree(path, ignore_errors=True)  # what a kill left of a beginning
        try:
            session = begin(recipe, path, command(recipe, path))
        except BaseException:
            if not any(folder.path.glob("*/recipe.json")):
                folder.discard()
            raise
        with session.folder.lock():
            yield name, session


def is_done(path: Path) -> bool:
    """Whether a run came to its end."""
    return (path / "summary.json").is_file() and RunFolder(path).read("summary.json").get("status") == "done"


def command(recipe: Recipe, path: Path) -> str:
    """The command that makes a run by itself."""
    usual, short = values(find(recipe.system)), {dotted: key for key, dotted in SHORT.items()}
    changed = {name: value for name, value in values(recipe).items() if value != usual[name]}
    for name in ("training.epochs", "training.steps"):  # the one that is given puts the other out of force
        if changed.get(name, 0) is None:
            del changed[name]
    words = [f"{short.get(name, name)}={_word(value)}" for name, value in changed.items()]
    return shlex.join(["flori", "train", recipe.system, *words, "--run", str(path)])


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _must_be_the_same(folder: RunFolder, kind: str, document: dict[str, Any]) -> None:
    """Refuse to go on with other settings than a folder was begun with."""
    before, now = folder.read(f"{kind}.json"), json.loads(json.dumps(document))
    flat = [{**one, **one["recipe"], "recipe": None, "command": None} for one in (before, now)]
    other = [name for name in flat[1] if flat[0].get(name) != flat[1][name]]
    if other:
        said = ", ".join(f"{name}={_word(flat[0].get(name))}" for name in other)
        raise UserError(
            f"{folder.path} was begun with {said}; the same settings go on with it, as does "
            f"flori resume {folder.path}; --run DIR takes another folder"
        )
