"""One worker of a search: it claims a trial, trains it as an ordinary run, says what came of it, claims the next."""

from __future__ import annotations

import math
import platform
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from flori.artifacts.run_folder import RunFolder
from flori.artifacts.writing import saying_why
from flori.core.errors import Interrupted, UserError, out_of_memory
from flori.core.recipe import Recipe, values
from flori.recipes.beginning import begin, go_on, recorded_recipe
from flori.recipes.session import Session
from flori.recipes.stating import Report
from flori.recipes.stopping import stoppable
from flori.tuning import drawing
from flori.tuning.ledger import Claim, Ledger
from flori.tuning.plan import Plan
from flori.tuning.storage import Unreachable, reaching

POLL = 0.5  # seconds between two looks for a trial to take up, where others work on all that are left
TENTHS = 10  # of a run, after which scores are compared between trials, whatever their batches and epochs

About = tuple[int, tuple[str, ...]]
"""The number of a trial and its settings."""


@dataclass(frozen=True)
class News:
    """What a worker says on its way.

    `state`: ``begun``, ``step`` (with a report), ``complete`` (with its score), ``pruned``, ``failed`` (with what was
    wrong), ``taken`` by another worker, or ``waiting`` for others.
    """

    state: str
    number: int = 0
    settings: tuple[str, ...] = ()
    report: Report | None = None
    score: float | None = None
    fault: str = ""


def search(plan: Plan, ledger: Ledger, folder: Path) -> Iterator[News]:
    """Work until all trials of the study are done, whoever does them.

    Trials are written to ``folder/trial-0001`` and so on. Closing the iterator saves and gives back the trial in work.
    Raises Interrupted when asked to stop; UserError for what no other settings would mend.
    """
    while not ledger.settled():
        claim = ledger.claim()
        if claim is None:
            yield News("waiting")
            time.sleep(POLL)
            continue
        try:
            yield from _trial(plan, ledger, claim, folder / f"trial-{claim.number:04d}")
        except UpdateFinishedTrialError:
            yield News("taken", claim.number)
        except (Interrupted, KeyboardInterrupt, GeneratorExit, UserError):
            ledger.release(claim)
            raise
        except BaseException:
            ledger.release(claim, broken=True)
            raise


def _trial(plan: Plan, ledger: Ledger, claim: Claim, path: Path) -> Iterator[News]:
    settings = drawing.settings_of(plan, ledger, claim)
    recipe, about = plan.trial(settings), (claim.number, tuple(settings))
    ledger.note(claim, run=str(path.absolute()), host=platform.node())
    with ledger.alive(claim) as taken, ExitStack() as held:
        yield News("begun", *about)
        try:
            session = held.enter_context(_session(recipe, path, plan.command(settings)))
        except Exception as problem:
            if claim.number == 1 or not _is_of_settings(problem):
                raise
            yield _failed(ledger, claim, about, problem)
        else:
            yield from _trained(plan, ledger, claim, session, taken, about)


@contextmanager
def _session(recipe: Recipe, path: Path, command: str) -> Iterator[Session]:
    """The run of a trial, for us alone: as far as an earlier attempt came, where its folder is here, else from the
    start."""
    folder = RunFolder(path)
    if (path / "recipe.json").exists() and _same(recorded_recipe(folder), recipe):
        with folder.lock():
            yield go_on(path)
        return
    if path.exists():
        with saying_why(path):
            shutil.rmtree(path)
    session = begin(recipe, path, command)
    with folder.lock():
        yield session


def _same(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes make the same run; the recorded one has whole paths."""
    a, b = values(one), values(other)
    return all(a[key] == b[key] for key in a if key not in ("data.source", "training.init"))


def _trained(
    plan: Plan, ledger: Ledger, claim: Claim, session: Session, taken: threading.Event, about: About
) -> Iterator[News]:
    """Train to the end, or until it is not worth it; the score then is that of the finished run."""
    judge = _Judge(plan, ledger, claim, session)
    try:
        with closing(stoppable(session)) as reports:
            for report in reports:
                yield News("step", *about, report=report)
                if taken.is_set():
                    raise UpdateFinishedTrialError
                if judge.is_poor(report):
                    break
            else:
                judge.end(session.finish())
                yield News("complete", *about, score=judge.score)
                return
    except Exception as problem:
        if not _is_of_settings(problem):
            raise
        yield _failed(ledger, claim, about, problem)
        return
    ledger.end(claim, TrialState.PRUNED)
    yield News("pruned", *about, score=judge.score)


def _failed(ledger: Ledger, claim: Claim, about: About, problem: Exception) -> News:
    """A trial whose settings do not work is pruned before it told a score: the worst that a sampler can hear of one."""
    ledger.note(claim, fault=str(problem))
    ledger.end(claim, TrialState.PRUNED)
    return News("failed", *about, fault=str(problem))


class _Judge:
    """Tells the study how a trial does, and asks whether it is worth its time."""

    def __init__(self, plan: Plan, ledger: Ledger, claim: Claim, session: Session) -> None:
        self.plan, self.ledger, self.claim, self.session = plan, ledger, claim, session
        self.score: float | None = None
        self.pruner = drawing.pruner(plan)
        self.study = ledger.view()
        self.told = 0
        for line in session.folder.metrics():  # what an earlier attempt came to
            if line["split"] == "valid" and plan.score in line:
                self._tell(line["step"] / session.run.steps, line[plan.score])

    def is_poor(self, report: Report) -> bool:
        """Take in a report; whether the trial should end here. The recipe's own settings are tried to the end."""
        if report.split != "valid" or not report.scores or self.plan.score not in report.scores:
            return False
        trial = self._tell(report.step / report.steps, report.scores[self.plan.score])
        if trial is None or self.claim.number == 1:
            return False
        with reaching(self.ledger.url):
            return self.pruner.prune(self.study, trial)

    def end(self, summary: dict[str, Any]) -> None:
        """The run is done."""
        scores = summary["scores"]["valid"]
        if self.plan.score not in scores:
            raise _NotScored(f"--score {self.plan.score}: this data is scored by {', '.join(scores)}")
        self.score = float(scores[self.plan.score])
        if not math.isfinite(self.score):
            raise UserError(f"{self.plan.score} is {self.score}")
        self.ledger.note(self.claim, seconds=summary["seconds"], scores=scores)
        self.ledger.end(self.claim, TrialState.COMPLETE, self.score)

    def _tell(self, share: float, score: float) -> Any:
        tenth = int(TENTHS * share + 1e-9)
        self.score = score
        if tenth <= self.told or tenth >= TENTHS:
            return None
        self.told = tenth
        return self.ledger.report(self.claim, tenth, score)


class _NotScored(UserError):
    """The score that was asked for is not among those of this data."""


def _is_of_settings(problem: BaseException) -> bool:
    """Whether other settings might do where these failed: not if the disk failed or the database, or it was stopped."""
    if isinstance(problem, UpdateFinishedTrialError | Interrupted | Unreachable | _NotScored):
        return False
    by_system = isinstance(problem.__context__, OSError)  # as flori.artifacts.writing says it
    return (isinstance(problem, UserError) and not by_system) or out_of_memory(problem)
