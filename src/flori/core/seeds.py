"""Randomness as a pure function of (seed, purpose, epoch, step, rank, example).

Nothing remembers a generator's state: whoever knows the numbers above knows the draw. That is why a run
can stop anywhere and go on with the same bits, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
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


Places = NDArray[np.int64]


def places(seed: int, epoch: int, count: int) -> Callable[[Places], Places]:
    """As `order`, for any number of examples without an array of them all: a function that says which examples stand
    at some places of the order, int64 [n] → int64 [n].

    A Feistel network over as many bits as `count` takes, gone through again where it leads beyond `count` (Black and
    Rogaway, "Ciphers with arbitrary finite domains", 2002).
    """
    keys = [np.uint64(key(seed, "places", epoch, number)) for number in range(ROUNDS)]
    bits = max(2, (count - 1).bit_length())

    def examples(asked: Places) -> Places:
        found = _feistel(asked.astype(np.uint64), keys, bits)
        while (beyond := found >= count).any():
            found[beyond] = _feistel(found[beyond], keys, bits)
        return found.astype(np.int64)

    return examples


ROUNDS = 8  # an even number: halves of unequal width change places in each


def _feistel(x: NDArray[np.uint64], keys: list[np.uint64], bits: int) -> NDArray[np.uint64]:
    """A bijection of the numbers of so many bits."""
    wide, narrow = np.uint64(bits - bits // 2), np.uint64(bits // 2)
    left, right = x >> narrow, x & ((np.uint64(1) << narrow) - np.uint64(1))
    for secret in keys:
        left, right = right, left ^ (_mixed(right, secret) >> (np.uint64(64) - wide))
        wide, narrow = narrow, wide
    return (left << narrow) | right


def _mixed(x: NDArray[np.uint64], secret: np.uint64) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea and Flood 2014)."""
    x = x * np.uint64(0x9E3779B97F4A7C15) + secret
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


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
