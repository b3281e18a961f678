"""What a search came to: all trials, the best of them, the recipe's own settings beside it, and what mattered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from flori.core.errors import UserError
from flori.tuning.importance import importances
from flori.tuning.ledger import Ledger, counting
from flori.tuning.plan import Plan
from flori.tuning.spaces import Value

STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Trial:
    """One trial. `score`: of its finished run, or where it was pruned the last one; `values`: where it lies in the
    spaces; `run`: its folder, on `host`."""

    number: int
    state: str
    score: float | None
    settings: tuple[str, ...]
    values: Mapping[str, Value]
    seconds: float | None
    run: str
    host: str
    fault: str


@dataclass(frozen=True)
class Outcome:
    """A search that is done. `default` is the trial of the recipe's own settings; `importance` by key."""

    plan: Plan
    trials: tuple[Trial, ...]
    best: Trial
    default: Trial
    importance: dict[str, float]

    @property
    def gain(self) -> float | None:
        """By how much the best beats the recipe's own settings, above 0; 0 where it could not; None where those came
        to no score."""
        if self.default.score is None or self.default.state != "complete" or self.best.score is None:
            return None
        gain = self.best.score - self.default.score
        return gain if self.plan.higher else -gain

    def placed(self, trial: Trial) -> bool:
        """Whether a trial came to its end and lies within all spaces, as the recipe's own settings may not."""
        return trial.state == "complete" and all(space.key in trial.values for space in self.plan.spaces)

    def verdict(self) -> str:
        """The comparison in words."""
        if self.gain is None:
            return "the default recipe came to no score"
        if self.plan.trials == 1:
            return "nothing else was tried"
        if self.gain <= 0:
            return f"{self.plan.trials - 1} other settings could not beat the default"
        return f"beats the default by {self.gain:.4g}"

    def document(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        counts = [trial.state for trial in self.trials]
        return {
            "system": self.plan.recipe.system,
            "data": self.plan.recipe.data.source,
            "score": self.plan.score,
            "higher_is_better": self.plan.higher,
            "trials": len(self.trials),
            "states": {state: counts.count(state) for state in dict.fromkeys(counts)},
            "best": _document(self.best),
            "default": _document(self.default),
            "beats_default_by": self.gain,
            "importance": self.importance,
            "command": self.plan.final(self.best.settings),
            "all": [_document(trial) for trial in self.trials],
        }


def outcome(plan: Plan, ledger: Ledger) -> Outcome:
    """What the study holds, once it is settled. Raises UserError where no trial came to its end."""
    trials = tuple(_trial(number, attempts) for number, attempts in sorted(ledger.attempts().items()))
    trials = trials[: plan.trials]
    done = [trial for trial in trials if trial.state == "complete" and trial.score is not None]
    if not done:
        why = next((f": {trial.fault}" for trial in trials if trial.fault), "")
        raise UserError(f"none of the {len(trials)} trials came to its end{why}")
    sign = -1 if plan.higher else 1
    best = min(done, key=lambda trial: (sign * (trial.score or 0.0), trial.number))
    placed = [t for t in done if all(space.key in t.values for space in plan.spaces)]
    found = importances(plan.spaces, [(t.values, t.score or 0.0) for t in placed], 0)
    return Outcome(plan, trials, best, trials[0], found)


def _trial(number: int, attempts: list[FrozenTrial]) -> Trial:
    one = counting(attempts) or attempts[-1]
    known = one.user_attrs
    state = "failed" if "fault" in known else STATES.get(one.state, "given up")
    reached = list(one.intermediate_values.values())
    score = one.value if one.state == TrialState.COMPLETE else (reached[-1] if reached else None)
    return Trial(
        number,
        state,
        score,
        tuple(known.get("words", ())),
        one.params,
        known.get("seconds"),
        known.get("run", ""),
        known.get("host", ""),
        known.get("fault", ""),
    )


def _document(trial: Trial) -> dict[str, Any]:
    settings = dict(word.split("=", 1) for word in trial.settings)
    found = {"trial": trial.number, "state": trial.state, "score": trial.score, "settings": settings, "run": trial.run}
    return {**found, "fault": trial.fault} if trial.fault else found
