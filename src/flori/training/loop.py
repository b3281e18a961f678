"""The one loop. It yields after every step; saving, judging, printing and stopping are its consumer's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from flori.core import seeds
from flori.data.codec import Batches
from flori.training.state import State
from flori.training.updates import Update


@dataclass(frozen=True)
class Step:
    """One finished update: its number from 1, its epoch from 0, the batch's loss, and how many targets it is the mean
    over: examples, or the tokens of text."""

    number: int
    epoch: int
    loss: Tensor
    examples: int


def loop(state: State, batches: Batches, update: Update, steps: int, seed: int, rank: int = 0) -> Iterator[Step]:
    """Updates from `state.step` to `steps`, or until nothing is left to change, in the order and with the randomness
    that the seed decides."""
    state.learn()
    while state.step < steps and not state.settled:
        epoch, start = divmod(state.step, batches.per_epoch)
        for batch in islice(batches.epoch(epoch, start), steps - state.step):
            with seeds.scope(seed, "step", state.step, rank):
                loss = update(state, batch)
            state.step += 1
            yield Step(state.step, epoch, loss, batch.total())
            if state.settled:
                return
            state.learn()
