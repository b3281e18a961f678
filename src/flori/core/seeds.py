"""Randomness as a pure function of (seed, purpose, epoch, step, rank, example).

Nothing remembers a generator's state: whoever knows the numbers above knows the draw. That is why a run
can stop anywhere and go on with the same bits, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def key(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed for one purpose at one place, by BLAKE2b of all that names it."""
    text = "/".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(seed: int, purpose: str, *counters: int) -> torch.Generator:
    """A fresh CPU generator for one purpose at one place."""
    return torch.Generator().manual_seed(key(seed, purpose, *counters))


@contextmanager
def scope(seed: int, purpose: str, *counters: int) -> Iterator[None]:
    """Within it torch's own randomness (initial weights, dropout) is a function of these numbers; the
    caller's state is put back afterwards."""
    number, ours = key(seed, purpose, *counters), torch.default_generator
    before = ours.get_state()
    on_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    ours.manual_seed(number)
    if on_cuda:
        torch.cuda.manual_seed_all(number)
    try:
        yield
    finally:
        ours.set_state(before)
        if on_cuda:
            torch.cuda.set_rng_state_all(on_cuda)


def order(seed: int, epoch: int, count: int) -> Tensor:
    """The order of `count` examples in an epoch: a permutation, int64 [count]."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))


_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit number


def uniforms(seed: int, purpose: str, epoch: int, examples: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each example, float64 [len(examples), count].

    They depend on (seed, purpose, epoch, example) alone, not on the batch that an example is in.
    SplitMix64 (Steele, Lea and Flood 2014), vectorised over the examples.
    """
    start = key(seed, purpose, epoch)
    slots = torch.arange(count, device=examples.device)
    state = (examples[:, None] * count + slots + 1) * _GOLDEN + start
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        state = (state ^ _logical_shift(state, shift)) * factor
    state = state ^ _logical_shift(state, 31)
    return _logical_shift(state, 11).to(torch.float64) * 2.0**-53


def _logical_shift(bits: Tensor, by: int) -> Tensor:
    """Shift right, filling with zeros: torch's own shift of int64 keeps the sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
