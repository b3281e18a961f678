"""Forward mode against reverse mode as a picture: time by inputs and by outputs, memory along the way."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from flori.evaluation.plots import INK, bare
from flori.training.modes import Costs

COLOURS = {"forward": "#c8553d", "reverse": "#5b7083"}


def modes(found: Costs) -> Figure:
    """Three panels: milliseconds for k inputs, for k outputs, and bytes that live as a pass goes on."""
    figure = Figure(figsize=(12, 3.6), layout="constrained", dpi=110)
    inputs, outputs, memory = figure.subplots(1, 3)
    for axis, times, title in (
        (inputs, found.by_inputs, "one output by k inputs"),
        (outputs, found.by_outputs, "k outputs by one input"),
    ):
        for mode, seconds in times.items():
            axis.plot(found.counts, 1000 * np.array(seconds), "o-", color=COLOURS[mode], label=f"{mode} mode")
        axis.set(xlabel="k", ylabel="milliseconds", ylim=(0, None), xticks=found.counts)
        axis.set_title(title, loc="left", color=INK)
    for mode, line in found.memory.items():
        length = len(line) if mode == "forward" else max(1, round(len(line) * found.turning))
        memory.plot(np.arange(len(line)) / length, line / 1e6, color=COLOURS[mode], label=f"{mode} mode")
    memory.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    memory.set(xlabel="way through the network; from 1 on back again", ylabel="MB that live", ylim=(0, None))
    memory.set_title("memory of one pass", loc="left", color=INK)
    for axis in (inputs, outputs, memory):
        bare(axis)
        axis.legend(frameon=False)
    return figure
