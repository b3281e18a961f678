"""Pictures of runs beside each other: scores by fold or member, losses against what was varied."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from flori.evaluation.plots import COLOURS, INK, bare

MOST_PANELS = 4
MOST_NAMED = 20  # runs whose numbers are written below them


def by_run(scores: Sequence[dict[str, float]], what: str, whole: dict[str, float] | None = None) -> Figure:
    """Each score by run, with their mean and one deviation on either side of it.

    Args:
        scores: of each run; what: "fold" or "member".
        whole: scores of all of them together, as a line.
    """
    names = [name for name in scores[0] if all(name in one for one in scores)][:MOST_PANELS]
    figure = Figure(figsize=(3.1 * len(names) + 0.4, 3.2), layout="constrained", dpi=110)
    for number, name in enumerate(names, 1):
        axis = bare(figure.add_subplot(1, len(names), number))
        found = [one[name] for one in scores]
        mean = sum(found) / len(found)
        spread = (sum((x - mean) ** 2 for x in found) / max(1, len(found) - 1)) ** 0.5
        axis.axhspan(mean - spread, mean + spread, color=COLOURS["train"], alpha=0.15, linewidth=0)
        axis.axhline(mean, color=COLOURS["train"], linewidth=1, label="mean ± deviation")
        axis.plot(range(1, len(found) + 1), found, "o", color=COLOURS["test"], markersize=5, label=f"each {what}")
        if whole is not None:
            axis.axhline(whole[name], color=INK, linewidth=1.5, linestyle="--", label="together")
        axis.set_title(name, loc="left", color=INK)
        axis.set_xlabel(what)
        if len(found) <= MOST_NAMED:
            axis.set_xticks(range(1, len(found) + 1))
        axis.set_xlim(0.5, len(found) + 0.5)
        if number == 1:
            figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def losses(
    values: Sequence[str], train: Sequence[float], held_out: Sequence[float], about: tuple[str, str], best: int | None
) -> Figure:
    """Training and held-out loss against what was varied, at even distances.

    Args:
        about: the name of what was varied, and of the held-out part; best: the place of the least held-out loss.
    """
    figure = Figure(figsize=(7, 3.8), layout="constrained", dpi=110)
    axis = bare(figure.add_subplot(1, 1, 1))
    places = range(len(values))
    axis.plot(places, train, "o-", color=COLOURS["train"], label="training")
    axis.plot(places, held_out, "o-", color=COLOURS["valid"], label=f"held out ({about[1]})")
    if best is not None:
        axis.axvline(best, color=INK, linewidth=0.8, linestyle=":", label="least held-out loss")
    every = [*train, *held_out]
    if min(every) > 0 and max(every) > 20 * min(every):
        axis.set_yscale("log")
    axis.set_xticks(places, values, parse_math=False)
    axis.set_xlabel(about[0], parse_math=False)
    axis.set_ylabel("loss")
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    return figure
