"""Pictures of attention: which words each word looked at, head beside head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from torch import Tensor

from flori.evaluation.plots import INK, shortened

COLUMNS = 4  # heads side by side
LETTERS = 14  # of a word
MOST_NAMED = 60  # words of which each is written beside its row
FEW = 20  # words among which large weights alone matter
CELL, BAR = 0.24, 0.7  # inches for a word, where there are few, and for the scale of colours
SLANTED: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "↵"}


def attention(weights: Tensor, queries: Sequence[str], keys: Sequence[str], titles: Sequence[str] = ()) -> Figure:
    """Heat maps of attention weights [heads, T, S]: rows are the T words that look, columns the S that are looked at.

    Args:
        queries, keys: the words of rows and columns. Raises ValueError where their numbers do not fit the weights.
        titles: what is written above each head; "head 1", … where left out.
    """
    heads, rows, columns = weights.shape
    if (rows, columns) != (len(queries), len(keys)):
        raise ValueError(f"weights of {rows}×{columns} words, but {len(queries)}×{len(keys)} words")
    across = min(COLUMNS, heads)
    down = -(-heads // across)
    figure = Figure(figsize=_size(rows, columns, down, across), layout="constrained", dpi=110)
    scale = PowerNorm(1 if columns <= FEW else 0.5, 0, 1)  # among many words a small weight is worth seeing
    panels = [figure.add_subplot(down, across, head + 1) for head in range(heads)]
    for head, (axis, values) in enumerate(zip(panels, weights.detach().float().cpu().numpy(), strict=True)):
        image = axis.imshow(values, cmap="Blues", norm=scale, aspect="auto", interpolation="nearest")
        axis.set_title(titles[head] if titles else f"head {head + 1}", loc="left", color=INK, parse_math=False)
        axis.spines[["top", "right"]].set_visible(False)
        _name(axis.yaxis, queries if head % across == 0 else ())
        _name(axis.xaxis, keys if head + across >= heads else (), slanted=True)
    share = BAR / figure.get_figwidth()
    figure.colorbar(image, ax=panels, shrink=0.7, fraction=share, pad=0.02, label="attention weight")
    return figure


def _size(rows: int, columns: int, down: int, across: int) -> tuple[float, float]:
    """Inches: a cell for each word while they are few, and room for the words beside them."""
    most = 14.0 / across
    wide, high = (min(most, max(1.4, CELL * count)) for count in (columns, rows))
    return across * wide + 2.4, down * (high + 0.4) + 1.2


def _name(axis: Any, words: Sequence[str], slanted: bool = False) -> None:
    """Write the words at the ticks of an axis; of very many only every second, third, …"""
    places = range(0, len(words), max(1, -(-len(words) // MOST_NAMED)))
    names = [shortened("".join(VISIBLE.get(letter, letter) for letter in words[i]) or "∅", LETTERS) for i in places]
    style = SLANTED if slanted and max(map(len, words), default=0) > 2 else {}
    axis.set_ticks(places, names, fontsize=7.5 if len(words) <= MOST_NAMED // 2 else 6, parse_math=False, **style)
