"""Pictures of a run: curves, confusions, mistakes, errors, attention. Each function gives a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from torch import Tensor

INK, GRID = "#22303c", "#e3e7ea"
COLOURS = {"train": "#5b7083", "valid": "#c8553d", "test": "#c8553d"}
MOST_NAMED = 40  # classes whose names are written beside a confusion matrix
LETTERS = 24  # of such a name
MOST_CELLS = 200  # rows and columns that can be told apart by eye
MOST_COUNTED = 20  # classes whose counts are written into it


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    axes = [figure.add_subplot(1, panels, i + 1) for i in range(panels)]
    for axis in axes:
        bare(axis)
    return figure, axes


def bare(axis: Any) -> Any:
    """An axis without the lines above and on the right, over a faint grid."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    return axis


def curves(lines: Sequence[dict[str, Any]], score: str, per_epoch: int) -> Figure:
    """Loss and score by epoch, from the lines of metrics.jsonl."""
    figure, axes = _figure(9, 3.2, 2)
    for axis, name in zip(axes, ("loss", score), strict=True):
        for split in ("train", "valid", "test"):
            points = [
                (line["step"] / per_epoch, line[name]) for line in lines if line["split"] == split and name in line
            ]
            if points:
                few = 40 if split != "train" else 2  # a line through one point is not seen
                marker = "o" if len(points) < few else ""
                axis.plot(
                    *zip(*points, strict=True),
                    marker=marker,
                    markersize=3.5,
                    color=COLOURS[split],
                    label=split,
                )
        axis.set_xlabel("epoch")
        axis.set_title(name, loc="left", color=INK)
        if axis.lines:
            _legend(axis)
    return figure


def shortened(text: str, letters: int) -> str:
    """The beginning of a text that is too long for its place."""
    return text if len(text) <= letters else text[: letters - 1] + "…"


def confusion(counts: Tensor, labels: Sequence[str]) -> Figure:
    """A confusion matrix: rows are the truth, columns the answers, each row coloured by its shares. Of many classes
    several share a cell, which has the largest share among them."""
    many = len(labels)
    side = 2.5 + 0.3 * many if many <= MOST_NAMED else 7.0
    figure, (axis,) = _figure(side + 0.8, side)
    axis.grid(False)
    shares = counts.double() / counts.sum(1, keepdim=True).clamp(min=1)
    shown = F.max_pool2d(shares[None], pooled(many), ceil_mode=True)[0]
    reach = len(shown) * pooled(many) - 0.5
    scale = PowerNorm(1 if many <= MOST_NAMED else 0.5, 0, 1)  # among many classes a small share is worth seeing
    image = axis.imshow(shown.numpy(), cmap="Blues", norm=scale, extent=(-0.5, reach, reach, -0.5))
    figure.colorbar(image, shrink=0.7, label="share of the true class")
    axis.set(xlabel="answer", ylabel="truth")
    if many <= MOST_NAMED:
        names = [shortened(label, LETTERS) for label in labels]
        axis.set_xticks(range(many), names, rotation=60, ha="right", parse_math=False)
        axis.set_yticks(range(many), names, parse_math=False)
    if many <= MOST_COUNTED:
        for row, column in np.argwhere(counts.numpy() > 0):
            colour = "white" if shares[row, column] > 0.5 else INK
            axis.text(column, row, int(counts[row, column]), ha="center", va="center", color=colour, fontsize=7)
    return figure


def pooled(classes: int) -> int:
    """How many classes in a row share one cell of the picture of a confusion matrix."""
    return -(-classes // MOST_CELLS)


def gallery(images: Tensor, titles: Sequence[str], columns: int = 6) -> Figure:
    """Pictures uint8 [N, C, H, W] in rows, each under its title of two lines.

    One canvas for all: an axis for each picture would take many times as long.
    """
    count, _, height, width = images.shape
    columns = min(columns, count)
    rows, gap, head = -(-count // columns), 0.08, 0.32
    canvas = np.full((rows, columns, height, width, 3), 255, np.uint8)
    canvas.reshape(-1, height, width, 3)[:count] = images[:, :3].permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
    figure = Figure(figsize=(1.7 * columns, (1.7 * height / width + 0.55) * rows), dpi=110)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, columns), ylim=(rows * (1 + head), 0))
    axis.axis("off")
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        top = row * (1 + head) + head
        extent = (column + gap / 2, column + 1 - gap / 2, top + 1 - gap, top)
        axis.imshow(canvas[row, column], extent=extent, aspect="auto", interpolation="nearest")
        axis.text(column + 0.5, top - 0.03, title, ha="center", va="bottom", fontsize=7.5, color=INK, parse_math=False)
    axis.set(xlim=(0, columns), ylim=(rows * (1 + head), 0))
    return figure


def scatter(predicted: Tensor, truth: Tensor, name: str) -> Figure:
    """Answers against truth, and how the errors are spread."""
    figure, (left, right) = _figure(9, 3.6, 2)
    left.scatter(truth.numpy(), predicted.numpy(), s=9, alpha=0.6, color=COLOURS["test"], linewidths=0)
    ends = [float(truth.min()), float(truth.max())]
    left.plot(ends, ends, color=INK, linewidth=0.8)
    left.set_xlabel(f"true {name}", parse_math=False)
    left.set_ylabel("answer")
    right.hist((predicted - truth).numpy(), bins=min(40, max(5, len(truth) // 3)), color=COLOURS["train"])
    right.locator_params(axis="x", nbins=6)
    right.set(xlabel="answer − truth", ylabel="examples")
    return figure


def _legend(axis: Axes) -> None:
    """Above the axes on the right: where it hides nothing, and needs no search for such a place."""
    axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2)


def fitted(curve: tuple[Tensor, Tensor], parts: Mapping[str, tuple[Tensor, Tensor]], names: tuple[str, str]) -> Figure:
    """A function of one feature, over the data that it is fitted to and judged by: each as x [N] and y [N]."""
    figure, (axis,) = _figure(9, 3.8)
    for split, points in parts.items():
        axis.scatter(*points, s=9, alpha=0.5, color=COLOURS[split], linewidths=0, label=split)
    axis.plot(*curve, color=INK, linewidth=1.5, label="answer")
    axis.set_xlabel(names[0], parse_math=False)
    axis.set_ylabel(names[1], parse_math=False)
    _legend(axis)
    return figure


def weights(shares: Tensor, across: tuple[str, Mapping[int, str]], down: tuple[str, Mapping[int, str]]) -> Figure:
    """Attention weights [queries, keys], the square root of a weight as darkness. `across` and `down` name the axes,
    and what is written at some of their cells."""
    figure, (axis,) = _figure(9, 4.2)
    axis.grid(False)
    scale = PowerNorm(0.5, 0, float(shares.max()))
    image = axis.imshow(shares.numpy(), cmap="Blues", norm=scale, aspect="auto", interpolation="nearest")
    figure.colorbar(image, shrink=0.8, label="weight")
    axis.set_xlabel(across[0], parse_math=False)
    axis.set_ylabel(down[0], parse_math=False)
    axis.set_xticks([*across[1]], [*across[1].values()])
    axis.set_yticks([*down[1]], [*down[1].values()])
    return figure
