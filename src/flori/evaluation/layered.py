"""Where the boxes of a graph without cycles stand: each below all that it comes from, near them, few lines crossing.

Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981: ranks by the
longest way, lines through several ranks as a chain of thin boxes, order within a rank by the mean place of the
neighbours, and places that are nearest to theirs without touching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP, THIN = 24.0, 10.0  # between boxes side by side; the width of a line that passes a rank
SWEEPS = 12


@dataclass(frozen=True)
class Layout:
    """Of each box the middle (across) and its rank; of each line (from, to) the middles at all ranks that it passes,
    both ends among them; and the width of it all."""

    middles: list[float]
    ranks: list[int]
    lines: dict[tuple[int, int], list[float]]
    width: float


def layered(above: Sequence[Sequence[int]], widths: Sequence[float]) -> Layout:
    """Places for boxes of these widths, of which each comes after all that it is `above` by number."""
    ranks = _ranks(above)
    sizes, chains = list(widths), dict[tuple[int, int], list[int]]()
    at = [[i for i, rank in enumerate(ranks) if rank == r] for r in range(max(ranks) + 1)]
    for i, sources in enumerate(above):
        for source in sources:
            thin = range(len(sizes), len(sizes) + ranks[i] - ranks[source] - 1)
            for rank, number in enumerate(thin, ranks[source] + 1):
                at[rank].append(number)
                sizes.append(THIN)
            chains[source, i] = [source, *thin, i]
    near = _neighbours(chains, len(sizes))
    _order(at, near)
    places = _places(at, near, sizes)
    left = min(place - size / 2 for place, size in zip(places, sizes, strict=True))
    middles = [place - left for place in places]
    width = max(place + size / 2 for place, size in zip(middles, sizes, strict=True))
    return Layout(
        middles[: len(above)], ranks, {ends: [middles[n] for n in chain] for ends, chain in chains.items()}, width
    )


def _ranks(above: Sequence[Sequence[int]]) -> list[int]:
    """The longest way to each box from one that comes from nothing; such a one stands right above its first reader."""
    ranks: list[int] = []
    for sources in above:
        ranks.append(1 + max((ranks[source] for source in sources), default=-1))
    for i, sources in enumerate(above):
        readers = [ranks[j] for j, others in enumerate(above) if i in others]
        if not sources and readers:
            ranks[i] = min(readers) - 1
    return ranks


Neighbours = list[tuple[list[int], list[int]]]


def _neighbours(chains: dict[tuple[int, int], list[int]], count: int) -> Neighbours:
    """Of each box those right above and those right below it."""
    near: Neighbours = [([], []) for _ in range(count)]
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            near[lower][0].append(upper)
            near[upper][1].append(lower)
    return near


def _order(at: list[list[int]], near: Neighbours) -> None:
    """Order each rank by the mean place of its neighbours, downwards and upwards in turn."""
    place = {n: i / max(1, len(rank) - 1) for rank in at for i, n in enumerate(rank)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for rank in at if down else reversed(at):
            means = {n: _mean([place[m] for m in near[n][0 if down else 1]], place[n]) for n in rank}
            rank.sort(key=means.__getitem__)
            place |= {n: i / max(1, len(rank) - 1) for i, n in enumerate(rank)}


def _places(at: list[list[int]], near: Neighbours, sizes: list[float]) -> list[float]:
    """The middles: again and again as near as can be to the mean of the neighbours'."""
    places = [0.0] * len(sizes)
    for rank in at:
        _put(rank, [0.0] * len(rank), sizes, places)
    for sweep in range(SWEEPS):
        for rank in at if sweep % 2 == 0 else reversed(at):
            wanted = [_mean([places[m] for side in near[n] for m in side], places[n]) for n in rank]
            _put(rank, wanted, sizes, places)
    return places


def _put(rank: list[int], wanted: list[float], sizes: list[float], places: list[float]) -> None:
    """The places nearest to the wanted ones (least squares) at which the boxes of a rank do not touch.

    Less what stands to the left of each, places may not fall: groups that would are put at their mean (Ayer et al.
    1955).
    """
    offsets, end = [], 0.0
    for n in rank:
        offsets.append(end + sizes[n] / 2)
        end += sizes[n] + GAP
    groups: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        groups.append((want - offset, 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (a, n), (b, m) = groups[-2:]
            groups[-2:] = [((a * n + b * m) / (n + m), n + m)]
    starts = [start for start, count in groups for _ in range(count)]
    for n, start, offset in zip(rank, starts, offsets, strict=True):
        places[n] = start + offset


def _mean(numbers: list[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
