"""The picture of how training scales with workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from flori.evaluation.plots import INK, bare

LINES = {
    "data": ("#2f6690", "-"),
    "shard": ("#3a7d44", "--"),
    "tensor": ("#c8553d", "-."),
    "pipeline": ("#8e6c8a", ":"),
}
WEAK = "#5b7083"


def scaling(rows: Sequence[dict[str, Any]]) -> Figure:
    """Step time and efficiency against workers, for each way to share the work and, of efficiencies, weak scaling.

    Args:
        rows: as ``flori inspect --scale --json`` gives them, by rising ``workers``.
    """
    figure = Figure(figsize=(10, 3.8), layout="constrained", dpi=110)
    left, right = (bare(figure.add_subplot(1, 2, number)) for number in (1, 2))
    workers = [row["workers"] for row in rows]
    for name, (colour, style) in LINES.items():
        look = {"color": colour, "linestyle": style, "marker": "o", "markersize": 3.5, "label": name}
        left.plot(workers, [_number(row["seconds"][name], 1000) for row in rows], **look)
        right.plot(workers, [_number(row["efficiencies"][name], 100) for row in rows], **look)
    ideal = [1000 * rows[0]["step"] / count for count in workers]
    left.plot(workers, ideal, color=INK, linewidth=0.8, label="n times as fast")
    right.plot(workers, [100 * row["weak"]["efficiency"] for row in rows], color=WEAK, linewidth=0.8,
               label="data, a whole batch for each (weak)")  # fmt: skip
    left.set(yscale="log")
    left.set_title("milliseconds a step", loc="left", color=INK)
    right.set(ylim=(0, None))
    right.set_title("efficiency, per cent", loc="left", color=INK)
    for axis in (left, right):
        axis.set(xlabel="workers", xscale="log")
        axis.set_xticks(workers, [str(count) for count in workers], rotation=45 if len(workers) > 8 else 0)
        axis.xaxis.set_minor_locator(NullLocator())
    right.legend(frameon=False, fontsize=8)
    left.legend(frameon=False, fontsize=8)
    return figure


def _number(value: float | None, times: float) -> float:
    return float("nan") if value is None else times * value
