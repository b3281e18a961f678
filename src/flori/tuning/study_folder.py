"""The folder of a search: ``tune.json`` says what is searched, ``trial-0001`` and so on are run folders."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from flori.artifacts.writing import saying_why, sweep, write_json
from flori.core.errors import UserError
from flori.core.paths import path_of
from flori.tuning.plan import Plan

WORKERS = ".workers"
OURS = {"tune.json", ".lock", WORKERS}


@contextmanager
def study_folder(wanted: str | None, plan: Plan) -> Iterator[Path]:
    """The folder to work in: a new one, or one in which the same search was begun, by us or by another worker.

    A new one is removed again if the block fails before anybody began a trial in it. Raises UserError where something
    else is there.
    """
    path = path_of(wanted) if wanted is not None else _numbered(plan.recipe.system)
    new = _check(path, plan)
    with saying_why(path):
        path.mkdir(parents=True, exist_ok=True)
    try:
        with reporting(path):
            if _check(path, plan):
                write_json(path / "tune.json", {"study": plan.name(), "system": plan.recipe.system, **_searched(plan)})
        yield path
    except BaseException:
        if new and not any(path.glob("trial-*")) and not any((path / WORKERS).glob("*.lock")):
            shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Only one worker at a time writes into the folder itself."""
    with saying_why(path), FileLock(path / ".lock"):
        sweep(path)
        yield


def _check(path: Path, plan: Plan) -> bool:
    """Whether the folder is new. Raises UserError unless it is, or is of the same search."""
    hint = "a search wants a folder of its own: --run DIR"
    if (path / "tune.json").is_file():
        try:
            found = json.loads((path / "tune.json").read_bytes())
        except ValueError as problem:
            raise UserError(f"{path / 'tune.json'} is damaged ({problem}); {hint}") from None
        if found.get("study") != plan.name():
            before = f"{found.get('system')} {' '.join(found.get('words', []))}, by {found.get('score')}"
            raise UserError(f"{path} holds another search ({before}); {hint}")
        return False
    if path.exists() and (not path.is_dir() or any(one.name not in OURS for one in path.iterdir())):
        raise UserError(f"{path} is in use already; {hint}")
    return True


def _searched(plan: Plan) -> dict[str, object]:
    return {"words": [*plan.fixed, *(space.said() for space in plan.spaces)], "score": plan.score}


def _numbered(system: str) -> Path:
    """The next free ``runs/SYSTEM-tune-N``."""
    return next(path for i in itertools.count(1) if not (path := Path("runs") / f"{system}-tune-{i}").exists())
