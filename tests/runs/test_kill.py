"""A run killed with −9 at any moment and resumed ends with the very weights of one that never stopped."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

import flori
from flori.artifacts import checkpoints
from flori.cli.training import resume_run, train_system
from tests.runs.processes import kill_while_training, run, same, weights

# Each system with all the state that a run can have: momentum, averages, best weights, dropout.
SETTINGS = {
    "linear-regression": ("steps=3000", "batch=64"),
    "softmax-regression": ("epochs=40", "batch=64", "training.average=0.99", "patience=50"),
    "mlp": ("epochs=30", "batch=64", "model.dropout=0.3", "data.shift=1", "training.clip=1", "training.accumulate=2"),
    "lenet": ("epochs=4", "batch=64", "training.average=0.9", "data.shift=2"),
}


def kill_and_compare(system: str, kills: int, seed: int, settings: tuple[str, ...] = ()) -> int:
    """Kill a run `kills` times, resume it to the end, and compare; how many kills fell while it ran."""
    settings = (*(settings or SETTINGS[system]), "training.checkpoint_seconds=0.02")
    words = ("train", system, *settings, "--quiet")
    train_system(system, list(settings), "whole", quiet=True, as_json=False)
    rng, folder, killed = random.Random(seed), Path("killed"), 0
    for i in range(kills):
        again = ("resume", "killed", "--quiet") if (folder / "recipe.json").exists() else (*words, "--run", "killed")
        killed += kill_while_training(folder, again, rng, 0.4 if i else 0.2)
    resume_run("killed", quiet=True, as_json=False)
    assert same(weights(Path("whole")), weights(folder)), f"{system}: weights differ after {killed} kills, seed {seed}"
    return killed


@pytest.mark.parametrize(("system", "kills", "seed"), [("mlp", 2, 1), ("softmax-regression", 2, 2), ("lenet", 1, 3)])
def test_five_kills_change_no_bit(system, kills, seed):
    assert kill_and_compare(system, kills, seed) >= 1


@pytest.mark.long
@pytest.mark.parametrize("system", SETTINGS)
@pytest.mark.parametrize("seed", range(10, 15))
def test_twenty_kills_change_no_bit(system, seed):
    assert kill_and_compare(system, 1, seed) == 1


DIE_WITHIN_A_WRITE = """
import os, signal
from flori.artifacts import checkpoints
real, calls = checkpoints.put, []
def put(path, content):
    calls.append(path)
    if len(calls) == {call}:
        body = content.encode() if isinstance(content, str) else content
        with open(path, "wb") as file:
            file.write(body[: len(body) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, content)
checkpoints.put = put
"""

DIE_BEFORE_THE_RENAME = """
import os, signal
from pathlib import Path
real, calls = Path.rename, []
def rename(self, target):
    calls.append(self)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.rename = rename
"""


@pytest.mark.parametrize(
    "code",
    [*(DIE_WITHIN_A_WRITE.format(call=call) for call in (1, 4, 5, 6)), DIE_BEFORE_THE_RENAME],
    ids=["first", "tensors", "numbers", "manifest", "rename"],
)
def test_a_kill_within_the_writing_of_a_checkpoint(code):
    settings = ("epochs=6", "batch=64", "training.checkpoint_seconds=0")
    train_system("softmax-regression", list(settings), "whole", quiet=True, as_json=False)
    words = ("train", "softmax-regression", *settings, "--quiet", "--run", "killed")
    assert run(*words, code=code)[0] == -signal.SIGKILL
    resume_run("killed", quiet=True, as_json=False)
    assert same(weights(Path("whole")), weights(Path("killed")))
    assert not list(Path("killed").rglob(".aside-*"))


def damage(path: Path, how: str) -> None:
    body = path.read_bytes()
    if how == "cut":
        path.write_bytes(body[: len(body) // 2])
    elif how == "altered":
        path.write_bytes(body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["cut", "altered", "gone"])
@pytest.mark.parametrize("name", ["state.safetensors", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_is_used(how, name, capsys):
    settings = {"epochs": 4, "batch": 64, "training.checkpoint_seconds": 0}
    whole = flori.train("softmax-regression", run="whole", **settings)
    for report in flori.steps("softmax-regression", run="cut", **settings):
        if report.step == 31:
            break
    damage(Path("cut/checkpoints/step-00000031") / name, how)
    resume_run("cut", True, False)
    assert "step-00000031 is damaged" in capsys.readouterr().err
    assert same(weights(whole.path), weights(Path("cut")))


def test_all_checkpoints_damaged_begins_anew_and_says_so(capsys):
    whole = flori.train("softmax-regression", run="whole", epochs=2, batch=64)
    for report in flori.steps("softmax-regression", run="cut", epochs=2, batch=64):
        if report.step == 31:
            break
    for path in Path("cut/checkpoints").glob("step-*/state.json"):
        damage(path, "cut")
    assert checkpoints.load_newest(Path("cut/checkpoints"))[0] is None
    resume_run("cut", True, False)
    assert "begins anew" in capsys.readouterr().err
    assert same(weights(whole.path), weights(Path("cut")))
