"""The picture of a network's health: layer by layer, before the first step and after a few."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from flori.evaluation.plots import INK, bare, shortened
from flori.training.health import Examination, Layer

BEFORE, AFTER, ALARM = "#9fb2c1", "#22303c", "#c8553d"
MOST_NAMED = 30  # layers whose names can stand beside each other
LETTERS = 18  # of a name
Of = Callable[[Layer], float | None]
PANELS: tuple[tuple[str, Of, bool], ...] = (
    ("activations: standard deviation", lambda layer: layer.spread, True),
    ("gradient of the loss with respect to them: norm", lambda layer: layer.gradient, True),
    ("dead or saturated units: share", lambda layer: _share(layer), False),
    ("update of a step / weights", lambda layer: layer.update, True),
)
"""Title, what is drawn of a layer, and whether on a scale of powers."""


def health(found: Examination, title: str, marked: str | None = None) -> Figure:
    """Four panels: spread of activations, gradients, dead and saturated units, update-to-weight ratios; `marked` is the
    layer where something is wrong."""
    names = [layer.name for layer in found.start]
    figure = Figure(figsize=(max(9.0, min(16.0, 1.5 + 0.45 * len(names))), 7.2), layout="constrained", dpi=110)
    figure.suptitle(title, x=0.01, ha="left", color=INK, parse_math=False)
    for number, (name, of, powers) in enumerate(PANELS):
        axis = figure.add_subplot(2, 2, number + 1)
        _panel(axis, found, of, powers)
        axis.set_title(name, loc="left", color=INK, fontsize=10)
        if marked in names:
            axis.axvline(names.index(marked), color=ALARM, linewidth=6, alpha=0.25)
        _name(axis, names, below=number > 1)
    if found.losses:
        marks = figure.axes[0].get_legend_handles_labels()
        figure.legend(*marks, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return figure


def _share(layer: Layer) -> float | None:
    known = [share for share in (layer.dead, layer.saturated) if share is not None]
    return max(known, default=None)


def _panel(axis: Any, found: Examination, of: Of, powers: bool) -> None:
    bare(axis)
    lines = [("before", found.start, BEFORE), (f"after {len(found.losses)} steps", found.end, AFTER)]
    for label, layers, colour in lines if found.losses else [("", found.start, AFTER)]:
        points = [(place, value) for place, layer in enumerate(layers) if _shown(value := of(layer), powers)]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=4, linewidth=1.2, label=label)
    if powers and axis.lines:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(LogFormatter())
        axis.yaxis.set_minor_formatter(LogFormatter())
    elif not powers:
        axis.set_ylim(-0.03, 1.03)
    if not axis.lines:
        axis.text(0.5, 0.5, "none to be seen", transform=axis.transAxes, ha="center", color=INK)


def _shown(value: float | None, powers: bool) -> bool:
    return value is not None and math.isfinite(value) and (value > 0 or not powers)


def _name(axis: Any, names: list[str], below: bool) -> None:
    """Names of layers under the lower panels; of very many only every second, third, …"""
    places = range(0, len(names), max(1, -(-len(names) // MOST_NAMED)))
    texts = [shortened(names[i], LETTERS) if below else "" for i in places]
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.set_xticks(places, texts, rotation=60, ha="right", rotation_mode="anchor", fontsize=7.5, parse_math=False)
