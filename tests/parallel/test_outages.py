"""Workers that are started again find each other, notice who answers no more, and never write where others do."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from torch.distributed import DistError, TCPStore

import flori
from flori.artifacts.run_folder import RunFolder
from flori.artifacts.writing import folder_aside
from flori.core import launch, lost
from flori.core.errors import UserError
from flori.core.ranks import Ranks
from tests.parallel.groups import PATIENCE, environment
from tests.runs.processes import same, weights

LIMIT = timedelta(seconds=20)
SHORT = {"data": "digits", "epochs": 1, "batch": 64}


@pytest.fixture
def server() -> TCPStore:
    """A store as torchrun keeps it over all attempts."""
    return TCPStore("localhost", 0, is_master=True, wait_for_workers=False)


def client(server: TCPStore) -> TCPStore:
    return TCPStore("localhost", server.port, is_master=False, wait_for_workers=False)


def met(server: TCPStore, size: int) -> set[str]:
    """What the ranks of one attempt call it."""
    with ThreadPoolExecutor(size) as pool:
        ranks = reversed(range(size))
        return {name for name, _ in pool.map(lambda rank: launch.meet(client(server), rank, size, LIMIT), ranks)}


def test_each_attempt_has_a_name_that_its_ranks_agree_on(server):
    names = [met(server, size) for size in (3, 2, 3, 5)]
    assert all(len(found) == 1 for found in names) and len(set.union(*names)) == 4


def test_a_rank_that_called_and_was_killed_is_not_waited_for(server):
    server.set(f"{launch.CALL} 1", "one who is gone")
    assert len(met(server, 2)) == 1


def test_a_rank_that_does_not_come_is_given_up(server):
    with pytest.raises(DistError):
        launch.meet(server, 0, 2, timedelta(seconds=0.3))
    with pytest.raises(DistError):
        launch.meet(server, 1, 2, timedelta(seconds=0.3))


def test_machines_that_count_attempts_differently_meet_and_notice_who_hangs(server):
    """torchrun on the machine of the failure counts one; on the other, which only heard of it, it does not."""
    processes = []
    for rank in (0, 1):
        told = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": server.port}
        told |= {"TORCHELASTIC_RESTART_COUNT": rank, "TORCHELASTIC_RUN_ID": "none"}
        told |= {"TORCHELASTIC_USE_AGENT_STORE": True}
        words = [sys.executable, "-m", "tests.parallel.outage"]
        told = {**environment(), **{name: str(value) for name, value in told.items()}}
        processes.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=told))
    first, second = (process.communicate(timeout=PATIENCE)[0] for process in processes)
    assert first.startswith("joined 0 of 2") and second.startswith("joined 1 of 2")
    names = {said.splitlines()[0].split(" in ")[1] for said in (first, second)}
    assert len(names) == 1 and re.fullmatch("[0-9a-f]{32}", *names)
    noticed = re.search(r"lost: True after (\S+) s", first)
    assert noticed and 0.9 < float(noticed[1]) < 6


class CutOff:
    """A store that is out of reach."""

    def wait(self, *_: object) -> None:
        time.sleep(30)


def test_who_is_cut_off_from_the_store_says_so_and_ends(monkeypatch):
    monkeypatch.setattr(lost, "shared", [CutOff()])
    monkeypatch.setattr(lost, "REPORTED", 0.1)
    monkeypatch.setattr(lost, "current", lambda: Ranks(1, 2))
    monkeypatch.setattr(lost, "launched", lambda: Ranks(1, 2))
    before, begun = signal.getsignal(signal.SIGTERM), time.monotonic()
    try:
        assert lost.speaks(lost=True)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - begun < 5


def test_of_two_who_want_a_folder_at_once_one_gets_it(own_folder, monkeypatch):
    monkeypatch.setattr(
        "flori.artifacts.run_folder.check_free", lambda path: None
    )  # both have looked, both saw it free
    gate, got = threading.Barrier(7), []

    def want(number: int) -> None:
        gate.wait()
        try:
            got.append(RunFolder.create("run", "mlp", f"launch {number}"))
        except UserError as problem:
            assert "in use already" in str(problem)

    threads = [threading.Thread(target=want, args=(number,)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1 and Path("run/.launch").read_text().startswith("launch ")


def test_two_who_fill_one_folder_do_not_meet(own_folder):
    final = Path("checkpoints/step-00000007")
    with folder_aside(final, "stale") as stale, folder_aside(final, "new") as new:
        (stale / "theirs").touch()
        (new / "ours").touch()
        assert stale != new
    assert [path.name for path in final.iterdir()] in (["ours"], ["theirs"])


def started_again(monkeypatch: pytest.MonkeyPatch, launch: str, count: int) -> None:
    """From now on this process is a worker of that launch."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", launch)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(count))


def test_a_launch_goes_on_with_its_own_run_alone(own_folder, monkeypatch):
    started_again(monkeypatch, "photos", 0)
    for report in flori.steps("softmax-regression", run="run", **SHORT):
        if report.step == 5:
            break
    for other, settings in (("others", SHORT), ("photos", {**SHORT, "lr": 0.017})):
        started_again(monkeypatch, other, 1)
        before = Path("run/summary.json").read_bytes()
        with pytest.raises(UserError, match="already holds a run"):
            flori.train("softmax-regression", run="run", **settings)
        assert Path("run/summary.json").read_bytes() == before
    started_again(monkeypatch, "photos", 1)
    flori.train("softmax-regression", run="run", **SHORT)
    assert json.loads(Path("run/summary.json").read_text())["status"] == "done"
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    flori.train("softmax-regression", run="whole", **SHORT)
    assert same(weights(Path("run")), weights(Path("whole")))


def test_a_launch_without_a_name_never_takes_another_run_for_its_own(own_folder, monkeypatch):
    started_again(monkeypatch, "none", 1)
    for report in flori.steps("softmax-regression", run="run", **SHORT):
        if report.step == 5:
            break
    with pytest.raises(UserError, match="already holds a run"):
        flori.train("softmax-regression", run="run", **SHORT)
