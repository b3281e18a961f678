"""What convolution, recurrence and attention cost, as powers of the length n of a sequence and of the width d.

k·n·d², n·d² and n²·d (Vaswani et al. 2017, table 1; Dive into Deep Learning, section 11.6). An exponent is measured as
the slope of log time over log size, by least squares, where the layer's own products outweigh what each call costs. It
is the processor's time of a single thread: neither other programs nor how well a size divides over cores bend the law.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.core import seeds

KERNEL = 3  # k, the width of the convolution
BATCH = 128  # sequences at once in recurrence: one alone multiplies a matrix by a vector, and waits for memory
ROUNDS = 5
Call = Callable[[], Tensor]


def convolution(n: int, d: int) -> Call:
    """A convolution of d channels into d, along n places and as many zeros beside them as keep the length."""
    layer, x = nn.Conv1d(d, d, KERNEL, padding=KERNEL // 2, bias=False), torch.randn(1, d, n)
    return lambda: layer(x)


def recurrence(n: int, d: int) -> Call:
    """h_t = tanh(W x_t + U h_{t−1}) for n steps, of `BATCH` sequences."""
    layer, x = nn.RNN(d, d, bias=False, batch_first=True), torch.randn(BATCH, n, d)
    return lambda: layer(x)[0]


def attention(n: int, d: int) -> Call:
    """softmax(QKᵀ/√d)V of n queries, keys and values, in torch's fused kernel."""
    q, k, v = torch.randn(3, 1, 1, n, d)
    return lambda: F.scaled_dot_product_attention(q, k, v)


@dataclass(frozen=True)
class Law:
    """A layer, its exact multiply-adds for n and d, the exponents of n and d in these; and where they are measured:
    lengths at one width, and widths at one length."""

    call: Callable[[int, int], Call]
    multiply_adds: Callable[[int, int], int]
    exponents: tuple[int, int]
    lengths: tuple[Sequence[int], int]
    widths: tuple[Sequence[int], int]


LAWS = {
    "convolution": Law(
        convolution,
        lambda n, d: KERNEL * n * d * d,
        (1, 2),
        lengths=((1024, 2048, 4096, 8192), 256),
        widths=((256, 512, 1024), 4096),
    ),
    "recurrence": Law(
        recurrence,
        lambda n, d: BATCH * 2 * n * d * d,  # from the input, and from the state before
        (1, 2),
        lengths=((16, 32, 64, 128), 256),
        widths=((512, 1024, 2048), 16),
    ),
    "attention": Law(
        attention,
        lambda n, d: 2 * n * n * d,  # queries by keys, and weights by values
        (2, 1),
        lengths=((2048, 4096, 8192), 64),
        widths=((256, 512, 1024, 2048), 1024),
    ),
}


def measure(told: Callable[[str], None] = lambda name: None) -> dict[str, dict[str, float]]:
    """For each layer the exponents of n and d in its multiply-adds and in its time, and the best rate of multiply-adds
    a second. `told` hears what is measured next."""
    found = {}
    for name, law in LAWS.items():
        told(name)
        (lengths, width), (widths, length) = law.lengths, law.widths
        with seeds.scope(0, "attention-cost"), torch.inference_mode(), _one_thread():
            by_length = _seconds([law.call(n, width) for n in lengths])
            by_width = _seconds([law.call(length, d) for d in widths])
        rates = [law.multiply_adds(n, width) / spent for n, spent in zip(lengths, by_length, strict=True)]
        rates += [law.multiply_adds(length, d) / spent for d, spent in zip(widths, by_width, strict=True)]
        found[name] = {
            "n": law.exponents[0], "n_measured": slope(lengths, by_length),
            "d": law.exponents[1], "d_measured": slope(widths, by_width),
            "multiply_adds_per_second": max(rates),
        }  # fmt: skip
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seconds(calls: Sequence[Call]) -> list[float]:
    """The least time of each call over some rounds, in turn, so that a machine that slows down slows all alike."""
    best = [math.inf] * len(calls)
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            start = time.thread_time()
            call()
            best[i] = min(best[i], time.thread_time() - start)
    return best


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The exponent a of the power law seconds = c·sizeᵃ that fits best: least squares between the logarithms."""
    x, y = (torch.tensor(numbers, dtype=torch.float64).log() for numbers in (sizes, seconds))
    away = x - x.mean()
    return float(away @ y / away.square().sum())
