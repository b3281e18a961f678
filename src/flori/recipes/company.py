"""What workers on this machine take together: a step without its messages of gradients, and what a message takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.debugging_hooks import noop_hook

from flori.recipes.assembly import Assembly
from flori.recipes.pacing import FEWEST, MOST, ROUNDS, WARM_UP, shared_batches, step
from flori.recipes.scaling import Link
from flori.training.together import Replicated

SHORT, LONG = 1, 1 << 20  # float32 numbers of a message
REPEATS = {SHORT: 50, LONG: 5}


def silent_step(run: Assembly, seconds: float) -> float:
    """Seconds of a step of all workers at once that leaves out the messages of gradients, the median of some rounds.

    The run is assembled by each of the workers that are joined. Gradients are laid side by side for their messages as
    ever, and the loss is summed over all, so that everyone waits for the slowest.
    """
    if isinstance(run.state.wrapped, Replicated):
        run.state.wrapped.register_comm_hook(None, noop_hook)
    batches = shared_batches(run, run.ranks.size, run.ranks.rank)
    once = _seconds(lambda: step(run, next(batches)), WARM_UP)
    steps = round(_largest(max(FEWEST, min(MOST, seconds / (ROUNDS * once)))))
    return statistics.median(_seconds(lambda: step(run, next(batches)), steps) for _ in range(ROUNDS))


def link(workers: int) -> Link:
    """Bandwidth and latency of all-reduces between the workers that are joined."""
    times = {}
    for size, repeats in REPEATS.items():
        numbers = torch.zeros(size)
        _seconds(lambda numbers=numbers: dist.all_reduce(numbers), WARM_UP)  # type: ignore[misc]
        found = [_seconds(lambda numbers=numbers: dist.all_reduce(numbers), repeats) for _ in range(ROUNDS)]  # type: ignore[misc]
        times[size] = _largest(statistics.median(found))
    rounds, grown = 2 * (workers - 1), max(times[LONG] - times[SHORT], 1e-9)
    return Link(rounds / workers * 4 * (LONG - SHORT) / grown, times[SHORT] / rounds)


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """Of one of several pieces of work, which all workers begin together."""
    dist.barrier()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def _largest(number: float) -> float:
    found = torch.tensor([number], dtype=torch.float64)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return float(found)
