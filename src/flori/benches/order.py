"""What a program's order of work costs: rows against columns of a matrix, a loop against a vector.

Numbers lie in memory row after row, and a processor fetches them a line of cache at a time, 16 float32: along a row it
uses all of them, down a column of a large matrix one. And a loop in Python pays for each number what a vector pays once
(Dive into Deep Learning, section 3.1.2).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from flori.benches.timing import Contestant, Race

SIDE = 4096  # of a matrix of 64 MiB: more than caches hold
EACH = 16  # numbers in a line of cache: each 16th column takes all lines of the matrix
LENGTH = 10_000  # of vectors, as in the book
ROUNDS, SECONDS = 5, 0.3


def races() -> list[tuple[Race, str]]:
    """Rows against columns, and a vector against a loop, each with why the first is the faster."""
    matrix = torch.randn(SIDE, SIDE)
    a, b = torch.randn(LENGTH), torch.randn(LENGTH)
    order = Race(
        f"summing each {EACH}th row or column of a matrix of {SIDE}×{SIDE} float32",
        "numbers",
        {"row by row": _again(lambda: _rows(matrix)), "column by column": _again(lambda: _rows(matrix.t()))},
        SECONDS,
    )
    loop = Race(
        f"adding two vectors of {LENGTH:,} float32",
        "numbers",
        {"as vectors": _again(lambda: (a + b).numel()), "in a loop": _again(lambda: _loop(a, b))},
        SECONDS,
    )
    return [
        (order, "numbers lie row after row, and memory comes in lines of 16: a row uses all of them, a column one"),
        (loop, "a loop pays for calls of Python at each number, a vector once, and then adds several at a time"),
    ]


def _again(work: Callable[[], int]) -> Contestant:
    while True:
        yield work()


def _rows(matrix: Tensor) -> int:
    for row in matrix[::EACH]:
        row.sum()
    return matrix.numel() // EACH


def _loop(a: Tensor, b: Tensor) -> int:
    c = torch.zeros(len(a))
    for i in range(len(a)):
        c[i] = a[i] + b[i]
    return len(c)
