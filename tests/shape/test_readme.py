"""The README tells the truth: its commands exist, its code runs, its table is that of the recipes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flori.cli.app import app
from flori.core.overrides import apply
from flori.recipes import table
from flori.recipes.catalogue import ALL, find

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def test_the_table_is_the_recipes():
    assert table.with_table(README) == README, "run `make readme`"


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.system)
def test_every_recipe_states_what_a_run_of_it_reached(recipe):
    assert recipe.evidence
    for evidence in recipe.evidence:
        words = shlex.split(evidence.command)
        assert words[:3] == ["flori", "train", recipe.system] and evidence.seconds > 0
        apply(find(words[2]), words[3:])


def test_the_python_example_runs():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    names: dict = {}
    exec(code, names)
    assert names["run"].evaluate()["scores"]["accuracy"] > 0.9
    assert names["report"].step == 50


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert commands == ["demo", "test"] and set(commands) <= set(targets)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_commands_of_the_readme_are_commands():
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert {line.split()[1] for line in re.findall(r"^flori .*", README, re.MULTILINE)} <= names


def test_the_demos_steps_do_what_they_say():
    """The Makefile's demo, in process and shorter."""
    words = [
        ["train", "lenet", "data=digits", "steps=150", "--run", "demo/run", "--quiet"],
        ["evaluate", "demo/run"],
        ["data", "digits", "--pictures", "demo/pictures"],
        ["predict", "demo/run", "demo/pictures", "--json"],
    ]
    for one in words:
        result = CliRunner().invoke(app, one)
        assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["predictions"]
    right = [Path(answer["input"]).parent.name == answer["label"] for answer in found]
    assert len(found) == 20 and sum(right) >= 18


def test_pictures_of_the_readme_are_there():
    assert all((ROOT / path).is_file() for path in re.findall(r"!\[.*?\]\((.*?)\)", README))
