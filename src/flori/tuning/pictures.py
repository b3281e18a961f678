"""Pictures of a search: how it went, what mattered, and which settings go with which score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from flori.evaluation.plots import COLOURS, INK, bare, shortened
from flori.tuning.importance import place
from flori.tuning.outcome import Outcome, Trial
from flori.tuning.spaces import Space

LETTERS = 16  # of a choice, beside its axis
MOST_NAMED = 12  # choices whose names are written
OUTLYING = 3.0  # ranges between the quartiles beyond which a score is drawn at the edge
MOST_BEYOND = 5  # scores far out that are told
SOFT, STRONG = COLOURS["train"], COLOURS["valid"]


def history(outcome: Outcome) -> Figure:
    """The score of each trial, and the best so far."""
    figure = Figure(figsize=(9, 3.4), layout="constrained", dpi=110)
    axis = bare(figure.add_subplot())
    done = [t for t in outcome.trials if t.state == "complete"]
    every = [t.score for t in outcome.trials if _drawable(t.score)]
    low, high = _shown(every)
    for state, marker, colour in (("complete", "o", SOFT), ("pruned", "x", "#b3c0cb"), ("failed", "v", "#b3c0cb")):
        points = [(t.number, t.score) for t in outcome.trials if t.state == state and _drawable(t.score)]
        if points:
            x, y = zip(*points, strict=True)
            axis.scatter(x, np.clip(y, low, high), marker=marker, color=colour, s=24, label=state, linewidths=1.2)
    better = max if outcome.plan.higher else min
    best = [better(t.score or 0.0 for t in done[: i + 1]) for i in range(len(done))]
    numbers = [t.number for t in done] + [len(outcome.trials) + 0.5]
    axis.step(
        numbers, np.clip([*best, best[-1]], low, high), where="post", color=STRONG, linewidth=1.5, label="best so far"
    )
    if outcome.gain is not None and outcome.default.score is not None:
        axis.axhline(outcome.default.score, color=INK, linewidth=0.9, linestyle="--", label="default recipe")
    pad = 0.05 * (high - low) or 0.5
    axis.set(xlabel="trial", xlim=(0.5, len(outcome.trials) + 0.5), ylim=(low - pad, high + pad))
    axis.xaxis.get_major_locator().set_params(integer=True)
    beyond = ", ".join(f"{score:.4g}" for score in sorted({x for x in every if not low <= x <= high})[:MOST_BEYOND])
    edge = f"; farther out at the edge: {beyond}" if beyond else ""
    axis.set_title(f"valid {outcome.plan.score}{edge}", loc="left", color=INK)
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def importance(shares: Mapping[str, float]) -> Figure:
    """The share of the score's variance that each setting explains by itself."""
    figure = Figure(figsize=(9, 0.9 + 0.36 * len(shares)), layout="constrained", dpi=110)
    axis = bare(figure.add_subplot())
    axis.grid(axis="y", visible=False)
    names = [*shares][::-1]
    axis.barh(range(len(names)), [shares[name] for name in names], color=SOFT, height=0.6)
    axis.set_yticks(range(len(names)), names, parse_math=False)
    for row, name in enumerate(names):
        axis.text(shares[name] + 0.008, row, f"{shares[name]:.2f}", va="center", color=INK, fontsize=8.5)
    axis.set(xlim=(0, 1), xlabel="share of the variance of the score")
    return figure


def parallel(outcome: Outcome) -> Figure:
    """Parallel coordinates: a line a finished trial, through its settings to its score; the best one is drawn last."""
    spaces = outcome.plan.spaces
    done = [trial for trial in outcome.trials if outcome.placed(trial)]
    figure = Figure(figsize=(min(14.0, max(6.0, 1.9 * (len(spaces) + 1) + 1.5)), 4.4), layout="constrained", dpi=110)
    axis = figure.add_subplot()
    axis.spines[:].set_visible(False)
    scores = [t.score or 0.0 for t in done]
    low, high = _shown(scores)  # pale are the poor ones
    colours = ScalarMappable(Normalize(low, high), colormaps["viridis_r" if outcome.plan.higher else "viridis"])
    for trial in sorted(done, key=lambda t: t.score or 0.0, reverse=not outcome.plan.higher):
        score = float(np.clip(trial.score or 0.0, low, high))
        heights = [_height(space, trial) for space in spaces] + [(score - low) / ((high - low) or 1.0)]
        _line(axis, heights, colours.to_rgba(np.array(score)), trial is outcome.best)
    for i, space in enumerate(spaces):
        _upright(axis, i, space.key, *_ticks(space))
    _upright(
        axis, len(spaces), f"valid {outcome.plan.score}", [i / 4 for i in range(5)], _score_texts(scores, low, high)
    )
    axis.set(xlim=(-0.3, len(spaces) + 0.6), ylim=(-0.06, 1.06))
    axis.set_xticks([])
    axis.set_yticks([])
    return figure


def _score_texts(scores: Sequence[float], low: float, high: float) -> list[str]:
    """What is written beside the axis of scores; an end says where others lie beyond it."""
    texts = [f"{end:.4g}" for end in np.linspace(low, high, 5)]
    texts[0] = f"{'≤ ' if min(scores) < low else ''}{texts[0]}"
    texts[-1] = f"{'≥ ' if max(scores) > high else ''}{texts[-1]}"
    return texts


def _drawable(score: float | None) -> TypeGuard[float]:
    """Whether a score has a place in a picture: one of a trial that failed may be infinite."""
    return score is not None and math.isfinite(score)


def _shown(scores: list[float]) -> tuple[float, float]:
    """The scores' range without those far out, which are drawn at its edge: one of them would hide the others."""
    lower, upper = np.quantile(scores, (0.25, 0.75))
    reach = OUTLYING * (upper - lower)
    near = [score for score in scores if lower - reach <= score <= upper + reach]
    return min(near), max(near)


def _height(space: Space, trial: Trial) -> float:
    at = place(space, trial.values[space.key])
    return at / max(1, len(space.choices) - 1) if space.choices else at


def _line(axis: Any, heights: list[float], colour: Any, best: bool) -> None:
    style = (
        {"linewidth": 2.6, "zorder": 3, "marker": "o", "markersize": 4} if best else {"linewidth": 1.1, "alpha": 0.75}
    )
    axis.plot(range(len(heights)), heights, color=STRONG if best else colour, solid_joinstyle="round", **style)


def _ticks(space: Space) -> tuple[list[float], list[str]]:
    """Heights and what is written there."""
    if space.choices:
        shown = range(0, len(space.choices), -(-len(space.choices) // MOST_NAMED))
        last = max(1, len(space.choices) - 1)
        return [i / last for i in shown], [shortened(space.choices[i], LETTERS) for i in shown]
    points = space.points()
    return [place(space, point) for point in points], [f"{point:.3g}" for point in points]


def _upright(axis: Any, x: float, name: str, heights: list[float], texts: list[str]) -> None:
    """An axis of its own for one setting."""
    axis.plot([x, x], [0, 1], color=INK, linewidth=0.9, zorder=2)
    for height, text in zip(heights, texts, strict=True):
        axis.plot([x - 0.02, x], [height, height], color=INK, linewidth=0.9)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
        axis.text(x + 0.03, height, text, va="center", fontsize=7.5, color=INK, zorder=4, bbox=box, parse_math=False)
    axis.text(x, 1.08, name, ha="center", va="bottom", fontsize=9.5, color=INK, parse_math=False)
