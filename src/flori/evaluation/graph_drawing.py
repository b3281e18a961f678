"""A computational graph as a picture: SVG, from the inputs above to the outputs below."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from flori.evaluation.layered import Layout, layered
from flori.models.boxes import Box

MARGIN, LINE, ROOM, LETTER = 20.0, 15.0, 34.0, 6.5  # pixels; a letter's width at 11 pixels, about
INK, WIRE = "#22303c", "#7b8a96"
COLOURS = {  # by words in a kind, the first that fits
    "conv": "#d9e8f6",
    "norm": "#ece5f5",
    "embed": "#fbe9d7",
    "linear": "#dcefdc",
    "lstm": "#f6dede",
    "gru": "#f6dede",
    "rnn": "#f6dede",
    "longshort": "#f6dede",
    "attention": "#fdf3c8",
    "pool": "#e2efef",
}
BLOCK, OPERATION, END = "#eef2f4", "#ffffff", "#22303c"


def drawn(boxes: Sequence[Box], title: str) -> str:
    """The graph as the text of an SVG file."""
    texts = [_lines(box) for box in boxes]
    widths = [max(map(len, lines)) * LETTER + 18 for lines in texts]
    layout = layered([box.above for box in boxes], widths)
    tops, bottom = _tops(layout.ranks, texts)
    lines = [_line(layout, ends, tops, texts) for ends in layout.lines]
    shapes = [
        _box(box, text, layout.middles[i] + MARGIN, tops[layout.ranks[i]], widths[i])
        for i, (box, text) in enumerate(zip(boxes, texts, strict=True))
    ]
    width, height = max(layout.width, len(title) * 9) + 2 * MARGIN, bottom + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="11">',
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="{MARGIN}" y="24" font-size="14" font-weight="bold" fill="{INK}">{escape(title)}</text>',
            *lines,
            *shapes,
            "</svg>\n",
        ]
    )


def _lines(box: Box) -> list[str]:
    """What is written in a box: name, kind with the numbers learnt, shape."""
    times = f"{box.count} × " if box.count > 1 else ""
    learnt = f" · {box.parameters:,}" if box.parameters else ""
    shape = "×".join(map(str, box.shape))
    return [line for line in (box.name, f"{times}{box.kind}{learnt}", shape) if line]


def _tops(ranks: list[int], texts: list[list[str]]) -> tuple[list[float], float]:
    """The upper edge of each rank, and the lower one of the last."""
    tops, y = [], MARGIN + 24
    for rank in range(max(ranks) + 1):
        tops.append(y)
        y += max(_height(text) for r, text in zip(ranks, texts, strict=True) if r == rank) + ROOM
    return tops, y - ROOM


def _height(text: list[str]) -> float:
    return len(text) * LINE + 9


def _box(box: Box, text: list[str], middle: float, top: float, width: float) -> str:
    fill = _fill(box)
    ink = "white" if fill == END else INK
    edge = f'rx="{_height(text) / 2 if not box.name else 4:.0f}" fill="{fill}" stroke="{INK}" stroke-width="0.8"'
    shape = (
        f'<rect x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_height(text):.1f}" {edge}/>'
    )
    words = [
        f'<text x="{middle:.1f}" y="{top + 16 + LINE * i:.1f}" text-anchor="middle" fill="{ink}"'
        f"{' font-weight=' + chr(34) + 'bold' + chr(34) if box.name and i == 0 else ''}>{escape(line)}</text>"
        for i, line in enumerate(text)
    ]
    return "\n".join([shape, *words])


def _fill(box: Box) -> str:
    if not box.above or (box.kind.startswith("output") and not box.name):
        return END
    kind = box.kind.lower()
    found = next((colour for word, colour in COLOURS.items() if word in kind), "")
    return found or (BLOCK if box.name else OPERATION)


def _line(layout: Layout, ends: tuple[int, int], tops: list[float], texts: list[list[str]]) -> str:
    """A line from the lower edge of a box through all ranks between to the upper edge of another, an arrow there."""
    source, target = ends
    first = layout.ranks[source]
    points = [(layout.lines[ends][0] + MARGIN, tops[first] + _height(texts[source]))]
    for place, x in enumerate(layout.lines[ends][1:-1], 1):
        points += [(x + MARGIN, tops[first + place]), (x + MARGIN, tops[first + place + 1] - ROOM)]
    x, y = layout.lines[ends][-1] + MARGIN, tops[layout.ranks[target]]
    points.append((x, y - 5))
    path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path.append(f"C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}")
    arrow = f'<path d="M{x - 4:.1f},{y - 7:.1f} L{x + 4:.1f},{y - 7:.1f} L{x:.1f},{y:.1f} Z" fill="{WIRE}"/>'
    return f'<path d="{" ".join(path)}" fill="none" stroke="{WIRE}" stroke-width="1.2"/>\n{arrow}'
