"""The picture of a learning-rate range test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from flori.evaluation.plots import COLOURS, INK, bare

LINES = {
    "steepest": ("falls fastest", ":"),
    "diverges": ("rises again", "-"),
    "third": ("a third of that", "--"),
    "tenth": ("a tenth of that", "-."),
}


def rates(
    found: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], advice: Mapping[str, float | None]
) -> Figure:
    """The loss of each batch by the rate of the step before, as it was and smoothed (of equal length), with what is
    made of it: rates by name, as `flori.recipes.rate_test.advice` gives them."""
    figure = Figure(figsize=(9, 4), layout="constrained", dpi=110)
    axis = bare(figure.add_subplot())
    axis.scatter(found, losses, s=8, color=COLOURS["train"], alpha=0.5, linewidths=0, label="loss of a batch")
    axis.plot(found, smoothed, color=INK, linewidth=1.6, label="smoothed")
    for name, (text, style) in LINES.items():
        rate = advice.get(name)
        if rate is not None:
            axis.axvline(rate, color=COLOURS["test"], linestyle=style, linewidth=1.2, label=f"{text}: {rate:.2g}")
    low, high = min(smoothed), max(smoothed[0], min(smoothed))
    axis.set(
        xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - 0.1 * (high - low), low + 1.5 * (high - low))
    )
    axis.legend(frameon=False)
    return figure
