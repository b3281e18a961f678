"""Workers that do not wait: with a staleness of 0 they come to what one process comes to; the bound holds always."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from flori.cli.training import resume_run
from flori.core.errors import UserError
from flori.core.overrides import apply_values
from flori.core.ranks import Ranks
from flori.core.recipe import Training
from flori.recipes.assembly import build_model
from flori.recipes.catalogue import find
from flori.recipes.suiting import must_suit_asynchrony, slowness
from flori.training import asynchronous, optimizers
from flori.training.asynchronous import Owner, Turn, staleness
from flori.training.state import State
from tests.parallel.apart import CASES, assembled, trained
from tests.parallel.groups import run_together, start_together, wait_for_lines


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an owner and two workers came to."""
    folder = tmp_path_factory.mktemp("apart")
    status, _, said = run_together(3, "-m", "tests.parallel.apart", str(folder), *CASES)
    assert status == 0, said
    return folder


def must_equal_one_process(folder: Path, case: str) -> None:
    found, alone = load_file(folder / f"{case}.safetensors"), trained(assembled(case))
    assert found.keys() == alone.keys() and len(alone["losses"]) == 20
    for name, t in alone.items():
        torch.testing.assert_close(found[name], t, rtol=0, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("case", ["momentum", "plain"])
def test_without_staleness_two_workers_are_synchronous(apart, case):
    must_equal_one_process(apart, case)
    gradients = 40 - 4  # a last batch of three has rows for one worker only
    assert json.loads((apart / f"{case}.json").read_text()) == {"mean": 0, "max": 0, "histogram": {"0": gradients}}


def test_a_slow_worker_is_stale_but_not_beyond_the_bound(apart):
    found = json.loads((apart / "slow.json").read_text())
    assert 1 <= found["max"] <= 3
    assert sum(found["histogram"].values()) == 2 * 60 - 12
    assert found["mean"] == pytest.approx(sum(int(k) * n for k, n in found["histogram"].items()) / 108)


@pytest.mark.long
def test_one_worker_is_plain_descent_whatever_the_bound(tmp_path):
    status, _, said = run_together(2, "-m", "tests.parallel.apart", str(tmp_path), "momentum", "plain")
    assert status == 0, said
    for case in ("momentum", "plain"):
        must_equal_one_process(tmp_path, case)


class Post:
    """In place of torch.distributed: workers whose messages come in a random order."""

    def __init__(self, seed: int, speeds: list[float]) -> None:
        self.random, self.speeds = random.Random(seed), dict(enumerate(speeds, 1))
        self.at_work, self.items, self.heads = set(self.speeds), [], dict.fromkeys(self.speeds, (0.0, 0.0))

    def recv(self, tensor: torch.Tensor, source: int | None = None) -> int:
        if source is not None:
            tensor.copy_(torch.tensor(self.heads[source], dtype=torch.float64))
            self.heads[source] = (0.5, 7.0)
            return source
        workers = sorted(self.at_work)
        chosen = self.random.choices(workers, [self.speeds[worker] for worker in workers])[0]
        self.at_work.remove(chosen)
        tensor.fill_(0.01)
        return chosen

    def send(self, tensor: torch.Tensor, worker: int) -> None:
        if tensor.dtype == torch.int64 and int(tensor) >= 0:
            self.items.append(int(tensor))
            self.at_work.add(worker)


@pytest.mark.parametrize("bound", [0, 1, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_no_gradient_is_staler_than_the_bound_and_every_share_is_taken_once(monkeypatch, bound, seed):
    speeds, steps = [1.0, 0.05, 1.0, 0.4, 0.7], 23
    post = Post(seed, speeds)
    monkeypatch.setattr(asynchronous, "dist", post)
    model = nn.Linear(3, 2)
    state = State(model, optimizers.build(model, Training(lr=0.1)))
    owner = Owner(len(speeds), bound, Training(), steps, state)
    for state.step in range(steps):
        turn = Turn()
        owner.update(state, turn)
        assert turn.total() >= 7
    owner.close()
    found = staleness(state.notes)
    assert found["max"] <= bound and (bound == 0 or found["max"] > 0)
    assert sorted(post.items) == list(range(steps * len(speeds))) and owner.applied == len(post.items)
    assert not post.at_work


def test_those_who_train_on_are_told_to_stop(monkeypatch):
    post = Post(0, [1.0, 1.0])
    monkeypatch.setattr(asynchronous, "dist", post)
    state = State(nn.Linear(3, 2), None)
    state.optimizer = optimizers.build(state.model, Training(lr=0.1))
    owner = Owner(2, 4, Training(), 50, state)
    owner.update(state, Turn())
    owner.close()
    assert not post.at_work and owner.applied < 100
    late = Owner(2, 4, Training(), 50, state)  # a run that was done before its workers began
    post.at_work, post.heads = {1, 2}, dict.fromkeys((1, 2), (0.0, 0.0))
    late.close()
    assert not post.at_work


@pytest.mark.parametrize(
    ("system", "settings", "said"),
    [
        ("mlp", {"optimizer": "adamw"}, "is by optimizer=sgd or momentum, not adamw"),
        ("mlp", {"optimizer": "sgd", "training.nesterov": True}, "not nesterov"),
        ("resnet-cifar", {"optimizer": "sgd", "training.nesterov": False, "model.depth": 8}, "batch norm remembers"),
        ("mlp", {"optimizer": "sgd", "data.cache": "none"}, "data.cache=none reads ahead"),
    ],
)
def test_what_does_not_suit_is_refused(system, settings, said):
    recipe = apply_values(find(system), {"data": "digits", "parallel": "async", **settings})
    from flori.data.families import prepare

    model = build_model(recipe, prepare(apply_values(recipe, {"data.cache": "memory"})).codec)
    with pytest.raises(UserError, match=said):
        must_suit_asynchrony(recipe, model, "cpu", False)


def test_states_carried_along_and_devices_are_refused():
    recipe = apply_values(find("mlp"), {"optimizer": "sgd"})
    with pytest.raises(UserError, match=r"data\.order=sequential"):
        must_suit_asynchrony(recipe, nn.Linear(3, 2), "cpu", True)
    with pytest.raises(UserError, match="device=cpu"):
        must_suit_asynchrony(recipe, nn.Linear(3, 2), "cuda", False)


def test_a_slow_worker_by_name():
    recipe = apply_values(find("mlp"), {"parallel.slow": "2:2.5"})
    assert [slowness(recipe, Ranks(rank, 3)) for rank in range(3)] == [1.0, 1.0, 2.5]
    for wrong in ("2", "x:3", "3:2", "-1:2", "1:0.5", "0:nan", "1:inf"):
        with pytest.raises(UserError, match=r"RANK:FACTOR, a rank from 0 to 2"):
            slowness(apply_values(recipe, {"parallel.slow": wrong}), Ranks(0, 3))
    with pytest.raises(UserError, match="a rank from 1 to 2"):
        slowness(apply_values(recipe, {"parallel": "async", "parallel.slow": "0:2"}), Ranks(0, 3))


def test_a_slow_update_takes_so_many_times_as_long():
    def work(state: State, batch: object) -> torch.Tensor:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return torch.zeros(())

    start = time.perf_counter()
    asynchronous.slowed(work, 4.0)(State(nn.Linear(3, 2), None), None)
    assert time.perf_counter() - start >= 0.2


def test_the_owner_saves_and_finishes_alone(own_folder):
    words = ("mlp", "optimizer=sgd", "parallel=async", "steps=100", "training.checkpoint_seconds=0", "--dir", "run")
    status, _, said = run_together(3, "-m", "--", "flori", "train", *words)
    assert status == 0, said
    assert json.loads(Path("run/summary.json").read_text())["status"] == "done"
    assert (Path("run") / "checkpoints" / "step-00000100").is_dir()


@pytest.mark.long
def test_a_stopped_run_goes_on(own_folder):
    words = ("mlp", "optimizer=sgd", "parallel=async", "steps=600", "training.judge_every=9", "--dir", "run")
    group = start_together(3, "-m", "--", "flori", "train", *words)
    wait_for_lines(Path("run/metrics.jsonl"), 20, group)
    group.send_signal(signal.SIGTERM)
    _, said = group.communicate(timeout=120)
    assert json.loads(Path("run/summary.json").read_text())["status"] == "stopped", said
    status, _, said = run_together(3, "-m", "--", "flori", "resume", "run", "--quiet")
    summary = json.loads(Path("run/summary.json").read_text())
    assert status == 0 and summary["status"] == "done" and summary["steps"] == 600, said
    assert summary["scores"]["test"]["accuracy"] > 0.9 and summary["staleness"]["max"] <= 4
    resume_run("run", quiet=True, as_json=False)
