"""The house stays as it is drawn: rooms import one way, one backward pass, nothing heavy before its time."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import flori
from flori import models
from flori.core.recipe import settings
from flori.recipes.catalogue import ALL

HOME = Path(flori.__file__).parent
ROOMS = [
    *("core", "reference", "layers", "data", "models", "objectives", "training"),
    *("prediction", "evaluation", "artifacts", "serving", "recipes", "tuning", "benches", "cli"),
]
SOURCES = sorted(HOME.rglob("*.py"))


def imported(path: Path) -> list[tuple[int, str]]:
    """Every module of flori that a file imports, with the line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno} imports by dots"
        found += [(node.lineno, name) for name in names if name.startswith("flori.")]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOME)))
def test_rooms_import_only_rooms_to_their_left(path):
    inside = path.relative_to(HOME).parts
    if inside[0] not in ROOMS:
        return
    for line, name in imported(path):
        other = name.split(".")[1]
        if other in ROOMS:
            assert ROOMS.index(other) <= ROOMS.index(inside[0]), f"{path}:{line} imports {name}, a room to its right"
            assert inside[0] != "reference" or other == "reference", f"{path}:{line}: reference knows nothing of flori"
            assert other != "reference" or inside[0] == "reference", (
                f"{path}:{line}: only tests and people read reference"
            )


def test_every_room_is_in_the_plan():
    rooms = {path.name for path in HOME.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert rooms <= set(ROOMS)


def test_one_backward_pass():
    calls = [path for path in SOURCES if ".backward(" in path.read_text()]
    assert [path.relative_to(HOME).as_posix() for path in calls] == ["training/updates.py"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOME)))
def test_public_things_are_explained(path):
    tree = ast.parse(path.read_text())
    if path.stat().st_size:
        assert ast.get_docstring(tree), f"{path} does not say what it is for"
    if "reference" in path.parts:
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name} has no docstring"


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["list"], ["train", "lent"], ["train", "lenet", "epchs=3"], ["trian"]),
        ["tune", "lenet", "lrr=log:1e-4:1"],
    ],
)
def test_quick_answers_import_no_torch(words):
    code = (
        "import sys, flori.cli\n"
        f"sys.argv = ['flori', *{words!r}]\n"
        "try: flori.cli.main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'optuna'} & sys.modules.keys(), 'torch or optuna was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.system)
def test_builders_and_recipes_have_the_same_options_and_defaults(recipe):
    parameters = inspect.signature(models.BUILDERS[recipe.system]).parameters.values()
    parameters = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert {p.name: p.default for p in parameters} == dataclasses.asdict(recipe.model)


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.system)
def test_every_setting_says_what_it_means(recipe):
    assert all(field.metadata["meaning"] for field in settings(recipe).values())


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.system)
def test_every_system_has_its_equations(recipe):
    name = recipe.reference or recipe.system.replace("-", "_")
    assert (HOME / "reference" / f"{name}.py").is_file()


def test_every_recipe_can_be_built():
    assert [recipe.system for recipe in ALL] == list(models.BUILDERS)
