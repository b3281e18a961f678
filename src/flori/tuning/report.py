"""report.html of a search: the best settings beside the recipe's own, and the pictures as PNG beside it."""

from __future__ import annotations

from pathlib import Path

from flori.artifacts.report import write_page
from flori.artifacts.section import Section, save
from flori.artifacts.writing import write_json
from flori.tuning import pictures
from flori.tuning.outcome import Outcome, Trial

SHOWN = 30  # trials in the table; the others are folded away


def write_report(folder: Path, outcome: Outcome) -> None:
    """Write report.html, its pictures, and all of it as outcome.json into the folder of the search."""
    plan, best = outcome.plan, outcome.best
    tiles = [
        (f"best valid {plan.score}", f"{best.score:.4g}"),
        (f"default recipe's valid {plan.score}", "–" if outcome.gain is None else f"{outcome.default.score:.4g}"),
        ("trials", str(len(outcome.trials))),
    ]
    write_page(
        folder,
        f"Search for {plan.recipe.system} on {Path(plan.recipe.data.source).name}",
        _about(outcome),
        tiles,
        [_best(outcome), *_drawn(folder, outcome), _table(outcome)],
        [plan.final(best.settings), f"flori evaluate {best.run}"],
    )
    write_json(folder / "outcome.json", outcome.document())


def _about(outcome: Outcome) -> str:
    plan, states = outcome.plan, outcome.document()["states"]
    how = "a grid" if plan.cells else {"tpe": "TPE", "random": "random search"}[plan.sampler]
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    seconds = sum(trial.seconds or 0.0 for trial in outcome.trials)
    return f"{how}, pruning: {plan.pruner} · {counts} · {seconds:,.0f} s of training in finished trials"


def _best(outcome: Outcome) -> Section:
    plan, best = outcome.plan, outcome.best
    part = f"{plan.held_out:g} of the training part, held out by seed" if plan.held_out else "the valid part"
    text = (
        f"Trial {best.number}: {outcome.verdict()}. Chosen by {plan.score} on {part}; no test part was looked at to "
        "choose. The best of many is flattered by the part that it was chosen on: what it is worth, the test part "
        "tells once it is trained on everything by the command below."
    )
    rows = tuple(tuple(word.split("=", 1)) for word in best.settings)
    return Section("The best settings", text, head=("setting", "value"), rows=rows or (("as the recipe has them", ""),))


def _drawn(folder: Path, outcome: Outcome) -> list[Section]:
    found = [Section("How the search went", picture=save(folder, "history.png", pictures.history(outcome)))]
    if outcome.importance:
        drawn = save(folder, "importance.png", pictures.importance(outcome.importance))
        text = (
            "The share of the score's variance over the whole space that each setting explains by itself (functional "
            "analysis of variance on a random forest, from the finished trials); the rest is due to settings together."
        )
        found.append(Section("What mattered", text, picture=drawn))
    else:
        found.append(Section("What mattered", "Too few trials came to their end, or all of them scored alike."))
    if any(outcome.placed(trial) for trial in outcome.trials):
        drawn = save(folder, "parallel.png", pictures.parallel(outcome))
        text = "A line a finished trial, through its settings to its score. "
        text += "The best is drawn thick." if outcome.placed(outcome.best) else "The best lies outside of these spaces."
        found.append(Section("Which settings go with which score", text, picture=drawn))
    return found


def _table(outcome: Outcome) -> Section:
    keys = [space.key for space in outcome.plan.spaces]
    rows = [_row(trial, keys) for trial in sorted(outcome.trials, key=lambda t: _rank(t, outcome.plan.higher))]
    head = ("trial", f"valid {outcome.plan.score}", "state", *keys, "seconds", "folder")
    return Section("All trials", "The best first.", head=head, rows=tuple(rows[:SHOWN]), folded=tuple(rows[SHOWN:]))


def _rank(trial: Trial, higher: bool) -> tuple[bool, bool, float]:
    """Finished ones first, the best before the others."""
    score = trial.score if trial.score is not None else 0.0
    return trial.state != "complete", trial.score is None, -score if higher else score


def _row(trial: Trial, keys: list[str]) -> tuple[str, ...]:
    settings = dict(word.split("=", 1) for word in trial.settings)
    values = [settings.get(key, "default") for key in keys]
    score = "–" if trial.score is None else f"{trial.score:.4g}"
    state = f"{trial.state}: {trial.fault}" if trial.fault else trial.state
    seconds = "–" if trial.seconds is None else f"{trial.seconds:.1f}"
    return str(trial.number), score, state, *values, seconds, Path(trial.run).name
