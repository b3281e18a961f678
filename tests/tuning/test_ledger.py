"""The ledger of a study: every trial is done once, whoever dies; nothing here trains."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from flori.tuning import ledger as ledgers
from flori.tuning import life
from flori.tuning.ledger import Ledger
from tests.tuning import postgres


@contextmanager
def worker(url: str, wanted: int) -> Iterator[Ledger]:
    """A worker of the study at an address."""
    ledger = Ledger(url, "study", True, Path.cwd() / "workers", wanted)
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def die(ledger: Ledger) -> None:
    """Leave as a killed process does: its lock is free, and nothing else was said or removed."""
    ledger.life.lock.release()
    ledger.life.end = lambda: None


def states(ledger: Ledger) -> list[str]:
    return [trial.state.name for trial in ledger.storage.get_all_trials(ledger.study)]


def claims_of_many(url: str, workers: int, wanted: int) -> Counter[int]:
    """How often each trial was claimed by workers that run at once, each ending what it claims."""
    claimed, failures = Counter[int](), []

    def work() -> None:
        try:
            with worker(url, wanted) as ledger:
                while not ledger.settled():
                    if (claim := ledger.claim()) is not None:
                        claimed[claim.number] += 1
                        ledger.end(claim, TrialState.COMPLETE, 1.0)
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    return claimed


def test_many_workers_of_a_file_double_nothing(sqlite):
    assert claims_of_many(sqlite, 2, 7) == dict.fromkeys(range(1, 8), 1)


def test_more_trials_may_be_wanted_later(sqlite):
    claims_of_many(sqlite, 2, 3)
    assert claims_of_many(sqlite, 2, 5) == {4: 1, 5: 1}


def test_the_trial_of_a_dead_worker_is_taken_up_at_once_with_its_settings(sqlite):
    with worker(sqlite, 2) as dead, worker(sqlite, 2) as other:
        claim = dead.claim()
        assert claim is not None and claim.number == 1
        way = optuna.distributions.FloatDistribution(0, 1)
        dead.settle(claim, {"lr": way}, {"lr": 0.25}, ["lr=0.25"])
        assert other.claim().number == 2
        assert other.claim() is None  # all are in work
        die(dead)
        again = other.claim()
        assert again.number == 1 and again.known["words"] == ["lr=0.25"]
        assert other.storage.get_trial(again.id).params == {"lr": 0.25}
        with pytest.raises(UpdateFinishedTrialError):
            dead.end(claim, TrialState.COMPLETE, 1.0)  # it was only held for dead
        other.end(again, TrialState.COMPLETE, 0.5)
        assert states(other) == ["FAIL", "RUNNING", "COMPLETE"]


def test_a_worker_elsewhere_is_known_by_its_beat(sqlite, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(life.time, "monotonic", lambda: now[0])
    with worker(sqlite, 1) as far, worker(sqlite, 1) as near:
        claim = far.claim()
        far.note(claim, worker={"host": "elsewhere", "lock": "/nowhere"})
        for seconds, beat in [(0, None), (80, 1), (80, 2), (80, 2)]:
            now[0] += seconds
            if beat is not None:
                far.note(claim, beat=beat)
            assert near.claim() is None
        now[0] += life.GRACE
        assert near.claim().number == 1


def test_a_trial_that_was_given_back_may_be_claimed_at_once(sqlite):
    with worker(sqlite, 1) as one, worker(sqlite, 1) as other:
        for _ in range(ledgers.ATTEMPTS + 1):  # stopping often is no sign that a trial kills its workers
            one.release(one.claim())
        assert other.claim().number == 1


def test_a_trial_that_kills_its_workers_is_given_up(sqlite):
    for _ in range(ledgers.ATTEMPTS):
        with worker(sqlite, 1) as ledger:
            assert ledger.claim().number == 1
            die(ledger)
    with worker(sqlite, 1) as ledger:
        assert ledger.claim() is None
        assert ledger.settled()


def test_two_that_put_out_the_same_trial_again_do_not_double_it(sqlite):
    with worker(sqlite, 1) as one, worker(sqlite, 1) as other:
        claim = one.claim()
        one.release(claim)
        attempts = one.attempts()[1]
        for ledger in (one, other):  # both have seen that it failed, and neither what the other does
            ledger._add(attempts[-1], 1)
        assert one.claim().number == 1
        assert other.claim() is None


def test_a_thread_beats_until_the_trial_is_taken(sqlite, monkeypatch):
    monkeypatch.setattr(ledgers, "BEAT", 0.01)
    with worker(sqlite, 1) as one, worker(sqlite, 1) as other:
        claim = one.claim()
        with one.alive(claim) as taken:
            die(one)
            while (again := other.claim()) is None:
                pass
            assert taken.wait(20)
        assert other.storage.get_trial(again.id).state == TrialState.RUNNING


@pytest.mark.skipif(not postgres.PROGRAMS, reason=postgres.MISSING)
def test_many_workers_of_a_database_double_nothing():
    with postgres.server() as url:
        assert claims_of_many(url, 4, 13) == dict.fromkeys(range(1, 14), 1)
