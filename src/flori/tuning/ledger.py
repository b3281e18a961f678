"""The study that all workers share: which trials there are, whose they are, and which lost their worker.

A trial has a number from 1 on: its place among those that were newly begun. If its worker dies, that attempt fails and
another attempt of the same number follows; only the first attempt that has not failed counts. So what is to be done
follows from the list of attempts alone, in the order in which the database took them, and no trial can be done twice,
whatever the workers see of each other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from flori.core.errors import UserError
from flori.tuning.life import Life
from flori.tuning.storage import open_storage, reaching, turns

BEAT = 10.0  # seconds between two beats of a worker
ATTEMPTS = 5  # deaths after which a trial is given up
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Claim:
    """An attempt that is ours: its id in the storage, the trial's number, and what an earlier attempt knew of it."""

    id: int
    number: int
    known: dict[str, Any]


@dataclass
class Ledger:
    """A worker's view of a study.

    Args:
        url: the address of the database.
        name: the study's name in it.
        workers: a folder for the file that this worker locks while it lives.
        wanted: trials in all, over all workers.
    """

    url: str
    name: str
    higher: bool
    workers: Path
    wanted: int
    storage: Any = field(init=False)
    study: int = field(init=False)
    life: Life = field(init=False)

    def __post_init__(self) -> None:
        self.storage = open_storage(self.url)
        with reaching(self.url), turns(self.url):
            optuna.create_study(
                storage=self.storage,
                study_name=self.name,
                direction="maximize" if self.higher else "minimize",
                load_if_exists=True,
            )
            self.study = self.storage.get_study_id_from_name(self.name)
        self.life = Life(self.workers)

    def close(self) -> None:
        """Leave the study."""
        self.life.end()
        self.storage.remove_session()
        self.storage.engine.dispose()

    def agree(self, key: str, value: str) -> bool:
        """Whether all workers have the same value behind a key: the first one to come says it."""
        with reaching(self.url), turns(self.url):
            found = self.storage.get_study_user_attrs(self.study)
            if key not in found:
                self.storage.set_study_user_attr(self.study, key, value)
            return bool(found.get(key, value) == value)

    def attempts(self) -> dict[int, list[FrozenTrial]]:
        """All attempts of each trial, in the order in which they were made."""
        with reaching(self.url):
            every = self.storage.get_all_trials(self.study, deepcopy=False)
        found: dict[int, list[FrozenTrial]] = {}
        fresh = 0
        for attempt in sorted(every, key=lambda one: one.number):
            fresh += "again" not in attempt.user_attrs
            found.setdefault(attempt.user_attrs.get("again", fresh), []).append(attempt)
        return found

    def current(self) -> dict[int, FrozenTrial | None]:
        """The attempt of each wanted trial that counts; None where all of them failed."""
        return {number: counting(attempts) for number, attempts in self.attempts().items() if number <= self.wanted}

    def running(self) -> int:
        """How many trials are in work."""
        return sum(one is not None and one.state == TrialState.RUNNING for one in self.current().values())

    def settled(self) -> bool:
        """Whether every wanted trial is done or given up."""
        found = self.attempts()
        return all(number in found and self._ended(found[number]) for number in range(1, self.wanted + 1))

    def claim(self) -> Claim | None:
        """A trial that nobody works on, now ours; None where there is none at the moment."""
        with reaching(self.url), turns(self.url):
            self._fail_the_lost()
            self._put_out()
            for number, attempt in sorted(self.current().items()):
                if attempt is not None and attempt.state == TrialState.WAITING and self._take(attempt):
                    return Claim(attempt._trial_id, number, dict(attempt.user_attrs))
        return None

    def note(self, claim: Claim, **what: Any) -> None:
        """Write down what is known of our trial. Raises UpdateFinishedTrialError where it is ours no longer."""
        with reaching(self.url):
            for key, value in what.items():
                self.storage.set_trial_user_attr(claim.id, key, value)

    def settle(self, claim: Claim, ways: Mapping[str, Any], values: Mapping[str, Any], words: list[str]) -> None:
        """Write down the settings of our trial: each value with its distribution, and as they stand in a command."""
        with reaching(self.url), turns(self.url):
            for key, way in ways.items():
                self.storage.set_trial_param(claim.id, key, way.to_internal_repr(values[key]), way)
            self.storage.set_trial_user_attr(claim.id, "words", words)

    def report(self, claim: Claim, tenth: int, score: float) -> FrozenTrial:
        """Write down a score on the way, and see the trial with all of them. Raises UpdateFinishedTrialError where it
        is ours no longer."""
        with reaching(self.url):
            self.storage.set_trial_intermediate_value(claim.id, tenth, score)
            return self.storage.get_trial(claim.id)

    def view(self, sampler: BaseSampler | None = None) -> optuna.Study:
        """The study as samplers and pruners look at it."""
        with reaching(self.url):
            return optuna.load_study(study_name=self.name, storage=self.storage, sampler=sampler)

    def end(self, claim: Claim, state: TrialState, value: float | None = None) -> None:
        """The trial is done. Raises UpdateFinishedTrialError where it is ours no longer."""
        with reaching(self.url), turns(self.url):
            self.storage.set_trial_state_values(claim.id, state, None if value is None else [value])

    def release(self, claim: Claim, broken: bool = False) -> None:
        """Give the trial back, for whoever comes next; nothing happens where it is ours no longer. One that was
        `broken` off by a fault is given up after so many times as if it had killed its worker."""
        with suppress(UpdateFinishedTrialError, UserError):
            if not broken:
                self.note(claim, released=True)
            self.end(claim, TrialState.FAIL)

    @contextmanager
    def alive(self, claim: Claim) -> Iterator[threading.Event]:
        """Beats while the block lasts; the event is set once somebody else has taken the trial."""
        taken, over = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._beat, args=(claim, taken, over), daemon=True)
        thread.start()
        try:
            yield taken
        finally:
            over.set()
            thread.join()

    def _beat(self, claim: Claim, taken: threading.Event, over: threading.Event) -> None:
        count = 0
        while not over.wait(BEAT):
            count += 1
            try:
                self.note(claim, beat=[claim.id, count])
            except UpdateFinishedTrialError:
                taken.set()
                break
            except UserError:
                continue  # a database that is away for a moment is no reason to stop
        self.storage.remove_session()  # this thread's own

    def _take(self, attempt: FrozenTrial) -> bool:
        """Make a waiting attempt ours, if nobody was faster."""
        try:
            ours = self.storage.set_trial_state_values(attempt._trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False
        if ours:
            self.storage.set_trial_user_attr(attempt._trial_id, "worker", self.life.document())
        return bool(ours)

    def _fail_the_lost(self) -> None:
        for attempt in self.current().values():
            if attempt is not None and attempt.state == TrialState.RUNNING and self.life.is_lost(attempt):
                with suppress(UpdateFinishedTrialError):  # somebody else was faster
                    self.storage.set_trial_state_values(attempt._trial_id, TrialState.FAIL)

    def _put_out(self) -> None:
        """New attempts to claim: of trials whose attempts all failed; where nothing waits, of the next trial."""
        found = self.attempts()
        wanted = [attempts for number, attempts in found.items() if number <= self.wanted]
        for number, attempts in found.items():
            if number <= self.wanted and counting(attempts) is None and not self._ended(attempts):
                self._add(attempts[-1], number)
        waits = any((one := counting(attempts)) and one.state == TrialState.WAITING for attempts in wanted)
        if len(found) < self.wanted and not waits:
            self._add(None, None)

    def _add(self, before: FrozenTrial | None, again: int | None) -> None:
        """A waiting attempt; one that follows another has its settings."""
        known: dict[str, Any] = before.user_attrs if before else {}
        kept = {key: value for key, value in known.items() if key in ("words", "run")}
        trial = optuna.trial.create_trial(
            state=TrialState.WAITING,
            params=before.params if before else {},
            distributions=before.distributions if before else {},
            user_attrs=kept if again is None else {**kept, "again": again},
        )
        self.storage.create_new_trial(self.study, trial)

    @staticmethod
    def _ended(attempts: Sequence[FrozenTrial]) -> bool:
        one = counting(attempts)
        if one is not None:
            return one.state in DONE
        return sum("released" not in attempt.user_attrs for attempt in attempts) >= ATTEMPTS


def counting(attempts: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The first attempt that has not failed: the one that counts."""
    return next((attempt for attempt in attempts if attempt.state != TrialState.FAIL), None)
