"""How fast a recurrent layer trains in each form that torch offers, beside ours: rows a second, forward and backward.

    OMP_NUM_THREADS=2 python benchmarks/recurrent_forms.py [CELL …]

Layers of 512 units, two of them, over 64 steps of 32 sequences of 256 features. The ratio is to torch's module in
float32, round by round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from flori.benches.timing import Contestant, race
from flori.layers.recurrent import CELLS, recur

SEQUENCES, STEPS, FEATURES, UNITS, LAYERS = 32, 64, 256, 512, 2
ROUNDS, SECONDS = 4, 0.7


def by_torch(rnn: nn.RNNBase, x: Tensor) -> Tensor:
    """torch's module in the type that its weights have."""
    return rnn(x.to(next(rnn.parameters()).dtype))[0]


def by_us(rnn: nn.RNNBase, x: Tensor) -> Tensor:
    """The same module by `recur`."""
    return recur(rnn, x)[0]


FORMS: dict[str, tuple[Callable[[nn.RNNBase, Tensor], Tensor], torch.dtype, bool]] = {
    "torch, float32": (by_torch, torch.float32, False),
    "torch, autocast": (by_torch, torch.float32, True),
    "torch, weights in bfloat16": (by_torch, torch.bfloat16, False),
    "ours, float32": (by_us, torch.float32, False),
    "ours, autocast": (by_us, torch.float32, True),
}


def contestant(cell: str, form: str) -> Contestant:
    """Steps of forward and backward, without an optimiser."""
    run, dtype, autocast = FORMS[form]
    torch.manual_seed(0)
    rnn = CELLS[cell](FEATURES, UNITS, LAYERS, batch_first=True).to(dtype)
    x = torch.randn(SEQUENCES, STEPS, FEATURES, requires_grad=True)
    while True:
        rnn.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
            out = run(rnn, x)
        out.float().square().mean().backward()
        yield SEQUENCES * STEPS


def main() -> None:
    """Print a table for each cell."""
    for cell in sys.argv[1:] or CELLS:
        found = race({form: contestant(cell, form) for form in FORMS}, ROUNDS, SECONDS, lambda _: None)
        first = found["torch, float32"]
        print(f"{cell}\n{'':28}{'rows/s':>10}{'ratio':>8}")
        for form, result in found.items():
            print(f"{form:28}{result.median:10,.0f}{statistics.median(result.ratios(first)):8.2f}", flush=True)


if __name__ == "__main__":
    main()
