"""Tags word by word → the spans that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """Words from `start` up to, not including, `end`."""

    start: int
    end: int
    label: str


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans that IOB tags mean: ``B-PER`` begins one, ``I-PER`` goes on, ``O`` is outside.

    As conlleval (Tjong Kim Sang and Buchholz 2000) and seqeval read them: an ``I-`` after ``O`` or after another
    type begins a span too, so that both IOB1 and IOB2 can be read.
    """
    found: list[Span] = []
    for place, tag in enumerate(tags):
        mark, _, label = tag.partition("-")
        if mark == "O":
            continue
        if mark == "I" and found and found[-1].end == place and found[-1].label == label:
            found[-1] = found[-1]._replace(end=place + 1)
        else:
            found.append(Span(place, place + 1, label))
    return found
