"""Work on many files at once; how far it is, on standard error: in place on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flori.core.machine import cores
from flori.data.pictures import unwarned

Item = TypeVar("Item")
Made = TypeVar("Made")
PATIENCE_SECONDS, LINE_SECONDS = 1.0, 10.0
AT_ONCE = 1000


def counted(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The items; how many of `total` are through is told once that has taken over a second."""
    terminal = sys.stderr.isatty()
    every = 0.2 if terminal else LINE_SECONDS
    due, told = time.monotonic() + (PATIENCE_SECONDS if terminal else LINE_SECONDS), False
    for number, item in enumerate(items, 1):
        yield item
        if time.monotonic() >= due:
            due, told = time.monotonic() + every, True
            line = f"{number:,} of {total:,} {what}"
            print(f"\r{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
    if told and terminal:
        print(f"\r{total:,} of {total:,} {what}", file=sys.stderr)


def each_picture(items: Sequence[Item], work: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
    """Each item with what `work` made of it, several at a time, in their order."""
    with unwarned(), ThreadPoolExecutor(cores()) as pool:
        # A pool takes on all that it is given at once, at over a kilobyte each.
        made = (one for i in range(0, len(items), AT_ONCE) for one in pool.map(work, items[i : i + AT_ONCE]))
        yield from counted(zip(items, made, strict=True), len(items), "pictures looked at")
