"""The boxes of a drawn graph, and equal layers in a row as one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Box:
    """A layer or an operation: its name in the network (an operation has none), its kind, the shape that it puts out
    without the batch, the numbers it has learnt, and the boxes that it is computed from. `count` equal ones in a row
    may share a box; `part` is the layer that it stands in."""

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    parameters: int = 0
    above: tuple[int, ...] = ()
    count: int = 1
    part: str = ""


def in_rows(boxes: Sequence[Box]) -> list[Box]:
    """Equal layers in a row as one box."""
    readers = [sum(i in box.above for box in boxes) for i in range(len(boxes))]
    kept: list[Box] = []
    place = dict[int, int]()
    for i, box in enumerate(boxes):
        before = box.above[0] if len(box.above) == 1 else None
        if before is not None and readers[before] == 1 and _alike(boxes[before], box):
            place[i] = place[before]
            merged = kept[place[i]]
            kept[place[i]] = replace(merged, count=merged.count + 1, parameters=merged.parameters + box.parameters)
        else:
            place[i] = len(kept)
            kept.append(replace(box, above=tuple(sorted({place[source] for source in box.above}))))
    return [_named_as_a_row(box) for box in kept]


def _alike(one: Box, other: Box) -> bool:
    same = ("kind", "shape", "parameters", "part")
    return bool(one.name and other.name) and all(getattr(one, what) == getattr(other, what) for what in same)


def _named_as_a_row(box: Box) -> Box:
    """A row of layers is named by its first and last number, where they are numbered one by one."""
    head, dot, last = box.name.rpartition(".")
    if box.count == 1 or not last.isdecimal():
        return box
    return replace(box, name=f"{head}{dot}{last}–{int(last) + box.count - 1}")
