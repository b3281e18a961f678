"""Pictures of loss surfaces, and of ways down them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor

from flori.evaluation.plots import COLOURS, INK, bare

PALETTE = ("#1b1b1b", "#d1495b", "#edae49", "#00798c", "#6a4c93", "#3a7d44", "#f26419", "#5c9ead")
LEVELS, POWER = 24, 4  # of contours: how many, and how much closer near the lowest point
Line = tuple[str, Tensor]
"""A label, and points [steps, 2]."""


def landscape(
    x: Tensor, y: Tensor, heights: Tensor, lines: Sequence[Line], lowest: Sequence[tuple[float, float]], title: str
) -> Figure:
    """Ways down a surface, over its contours, whose distances grow with the height.

    Args:
        x [W], y [H], heights [H, W]: the surface.
        lines: a way each; lowest: its lowest points.
    """
    figure = Figure(figsize=(10.5, 6), layout="constrained", dpi=110)
    axis = figure.add_subplot()
    above = (heights - heights.min()).numpy()
    _contours(axis, x, y, above)
    for number, (colour, (label, points)) in enumerate(zip(PALETTE, lines, strict=False)):
        width = 2.8 - 0.25 * number  # of ways that are one, all are seen
        axis.plot(*points.T, color=colour, linewidth=width, marker=".", markersize=3, label=label)
        axis.plot(*points[-1], color=colour, marker="o", markersize=7, markeredgecolor="white")
    axis.plot(*lines[0][1][0], "s", color="white", markeredgecolor=INK, markersize=8, label="start", linestyle="none")
    axis.plot(*zip(*lowest, strict=True), "*", color="gold", markeredgecolor=INK, markersize=14, label="lowest")
    axis.set(xlim=(float(x[0]), float(x[-1])), ylim=(float(y[0]), float(y[-1])), xlabel="x", ylabel="y")
    axis.set_title(title, loc="left", color=INK, fontsize=10)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8.5)
    return figure


def _contours(axis: Any, x: Tensor, y: Tensor, above: NDArray[Any]) -> Any:
    """Filled contours of heights above the lowest, close together near it, and their colours alike."""
    levels = np.linspace(0, 1, LEVELS) ** POWER * float(above.max())
    filled = axis.contourf(x, y, above, levels=levels, cmap="Blues", norm=PowerNorm(1 / POWER), alpha=0.8)
    axis.contour(x, y, above, levels=levels, colors="white", linewidths=0.5)
    return filled


def slices(
    shifts: Tensor, lines: Sequence[tuple[str, Tensor]], across: Tensor, down: Tensor, plane: Tensor, title: str
) -> Figure:
    """The loss along directions, and over the plane of two of them.

    Args:
        shifts [N], lines: the losses [N] at them by direction.
        across [W], down [H], plane [H, W]: the losses over the plane.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained", dpi=110)
    left, right = bare(figure.add_subplot(1, 2, 1)), figure.add_subplot(1, 2, 2)
    for colour, (label, losses) in zip((COLOURS["train"], COLOURS["test"]), lines, strict=False):
        left.plot(shifts, losses, color=colour, label=label, linewidth=1.6)
    left.axvline(0, color=INK, linewidth=0.8, linestyle=":")
    left.set(xlabel="along a direction", ylabel="loss")
    left.legend(frameon=False)
    filled = _contours(right, across, down, (plane - plane.min()).numpy())
    right.plot(0, 0, "o", color=COLOURS["test"], markeredgecolor="white")
    right.set(xlabel="first direction", ylabel="second direction", aspect="equal")
    for axis in (left.xaxis, right.xaxis, right.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    figure.colorbar(filled, label=f"loss above {float(plane.min()):.3g}", format="%.2g")
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=10)
    return figure
