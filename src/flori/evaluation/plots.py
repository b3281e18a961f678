"""Pictures of a run: curves, confusions, mistakes, errors. Each function gives a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

INK, GRID = "#22303c", "#e3e7ea"
COLOURS = {"train": "#5b7083", "valid": "#c8553d", "test": "#c8553d"}
MOST_NAMED = 40  # classes whose names are written beside a confusion matrix


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    axes = [figure.add_subplot(1, panels, i + 1) for i in range(panels)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color=GRID, linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def curves(lines: Sequence[dict[str, Any]], score: str, per_epoch: int) -> Figure:
    """Loss and score by epoch, from the lines of metrics.jsonl."""
    figure, axes = _figure(9, 3.2, 2)
    for axis, name in zip(axes, ("loss", score), strict=True):
        for split in ("train", "valid", "test"):
            points = [
                (line["step"] / per_epoch, line[name]) for line in lines if line["split"] == split and name in line
            ]
            if points:
                marker = "o" if len(points) < 40 and split != "train" else ""
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
            axis.legend(frameon=False)
    return figure


def confusion(counts: Tensor, labels: Sequence[str]) -> Figure:
    """A confusion matrix: rows are the truth, columns the answers, each row coloured by its shares."""
    many = len(labels)
    side = min(12.0, 2.5 + 0.45 * many)
    figure, (axis,) = _figure(side + 0.8, side)
    axis.grid(False)
    shares = counts.double() / counts.sum(1, keepdim=True).clamp(min=1)
    image = axis.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, shrink=0.7, label="share of the true class")
    axis.set(xlabel="answer", ylabel="truth")
    if many <= MOST_NAMED:
        axis.set_xticks(range(many), labels, rotation=60, ha="right")
        axis.set_yticks(range(many), labels)
    if many <= 20:
        for row, column in np.argwhere(counts.numpy() > 0):
            colour = "white" if shares[row, column] > 0.5 else INK
            axis.text(column, row, int(counts[row, column]), ha="center", va="center", color=colour, fontsize=7)
    return figure


def gallery(images: Tensor, titles: Sequence[str], columns: int = 6) -> Figure:
    """Pictures uint8 [N, C, H, W] in rows, each under its title."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.65 * columns, 1.95 * rows), layout="constrained", dpi=110)
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        axis = figure.add_subplot(rows, columns, i + 1)
        pixels = image.permute(1, 2, 0).numpy()
        axis.imshow(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels, cmap="gray")
        axis.set_title(title, fontsize=7.5, color=INK)
        axis.axis("off")
    return figure


def scatter(predicted: Tensor, truth: Tensor, name: str) -> Figure:
    """Answers against truth, and how the errors are spread."""
    figure, (left, right) = _figure(9, 3.6, 2)
    left.scatter(truth.numpy(), predicted.numpy(), s=9, alpha=0.6, color=COLOURS["test"], linewidths=0)
    ends = [float(truth.min()), float(truth.max())]
    left.plot(ends, ends, color=INK, linewidth=0.8)
    left.set(xlabel=f"true {name}", ylabel="answer")
    right.hist((predicted - truth).numpy(), bins=40, color=COLOURS["train"])
    right.set(xlabel="answer − truth", ylabel="examples")
    return figure
