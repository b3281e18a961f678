"""The memory that a training step takes: predicted from two small ones, and measured.

What a step takes is a straight line in the size of its batch, at every moment of it: weights, gradients and the
optimiser's numbers do not change with the batch, what is held for the backward pass and what operations put out grow
with it. So two steps on a part of a batch, tensor by tensor, tell what the whole will take before it is tried.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flori.core import seeds
from flori.models.calls import Calls
from flori.recipes.assembly import Assembly
from flori.training.ledger import KINDS, Ledger, Timeline
from flori.training.state import State

LOSS = "(loss)"
PARTS = (8, 4)  # of a batch, whose first is predicted from


@dataclass(frozen=True)
class Memory:
    """Bytes at the moment of a step that takes the most: of weights and buffers, the optimiser's numbers (with moving
    averages), the batch, gradients, what is held for the backward pass, and all else that operations put out."""

    weights: int
    optimizer: int
    batch: int
    gradients: int
    held: int
    workspace: int

    @property
    def peak(self) -> int:
        """All of it together."""
        return sum(asdict(self).values())


def predicted(run: Assembly) -> tuple[Memory, dict[str, int]]:
    """What a step of the run will take at its peak; and by layer what is held for the backward pass when it begins.

    Steps are taken, so that the weights are others afterwards.
    """
    batch = first_batch(run)
    pieces = [batch.divided(parts)[0] for parts in PARTS]
    if len(pieces[0]) == len(pieces[1]):
        pieces = [batch.divided(2)[0], batch]
    _step(run, pieces[0])  # the optimiser makes its numbers
    (small, few), (large, many) = (_kept(run, piece) for piece in pieces)
    more = len(pieces[1]) - len(pieces[0])
    reach = (len(batch) - len(pieces[0])) / more if more else 0.0
    line = _extended(small, large, reach)
    most = line[:, line.sum(0).argmax()] if line.shape[1] else np.zeros(len(KINDS))
    weights, optimizer = fixed(run.state)
    found = Memory(weights, optimizer, sized(vars(batch).values()), **dict(zip(KINDS, map(int, most), strict=True)))
    return found, {layer: max(0, round(few[layer] + (many[layer] - few[layer]) * reach)) for layer in few | many}


def first_batch(run: Assembly) -> Any:
    """The first batch of an epoch."""
    batches = run.batches.epoch(0)
    try:
        return next(iter(batches))
    finally:
        batches.close()  # type: ignore[attr-defined]


def _step(run: Assembly, batch: Any) -> None:
    run.state.learn()
    run.state.memory.clear()
    with seeds.scope(run.recipe.seed, "step", run.state.step):
        run.update(run.state, batch)


def _kept(run: Assembly, batch: Any) -> tuple[Timeline, Counter[str]]:
    """The timeline of a step, and the bytes that each layer has held for the backward pass."""
    calls, by_layer = Calls(run.state.model), Counter[str]()
    ledger = Ledger(lambda: calls.running)
    with calls.watched(), ledger.kept():
        _step(run, batch)
        ledger.gradients(run.state.model)
    for call, size in ledger.held():
        by_layer[LOSS if call is None else calls.label(call)] += size
    return ledger.timeline(), by_layer


def _extended(small: Timeline, large: Timeline, reach: float) -> Timeline:
    """The straight line through two timelines, `reach` times as far from the first as the second is. Of unlike length,
    as where large tensors are worked on in pieces, the shorter is stretched."""
    if small.shape[1] != large.shape[1]:
        places = np.linspace(0, 1, max(small.shape[1], large.shape[1]))
        small, large = (_stretched(one, places) for one in (small, large))
    return np.maximum(small + (large - small) * reach, 0)


def _stretched(line: Timeline, places: Timeline) -> Timeline:
    own = np.linspace(0, 1, line.shape[1])
    return np.stack([np.interp(places, own, row) for row in line])


def fixed(state: State) -> tuple[int, int]:
    """Bytes of weights and buffers; and of the optimiser's numbers and the moving average of the weights."""
    weights = sized([*state.model.parameters(), *state.model.buffers()])
    slots = [t for found in state.optimizer.state.values() for t in found.values()] if state.optimizer else []
    return weights, sized([*slots, *(state.average.state_dict().values() if state.average is not None else ())])


def sized(things: Iterable[Any]) -> int:
    """Bytes of the tensors among these, each storage once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in things if isinstance(t, Tensor)}
    return sum(storages.values())


def measured(run: Assembly) -> dict[str, int | None]:
    """Bytes that a step takes at its peak, above what the process takes without network and optimiser, by two measures:
    ``allocated``, what torch asked for; ``resident``, what the system gave it, which has the kernels' own rooms too
    (Linux only). For a process of its own, whose memory is given back at once (see `ALONE`)."""
    for _ in range(2):  # kernels are made, caches filled
        _fetched_step(run)
    kept = sum(fixed(run.state))
    _clear(run)
    before = _resident()
    _fetched_step(run)
    peak = _status("VmHWM")
    resident = None if before is None or peak is None else peak - before + kept
    _clear(run)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        _fetched_step(run)
    return {"allocated": _highest(seen) + kept, "resident": resident}


ALONE = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
}
"""What the environment of a process that measures itself must say: freed memory goes back to the system."""


def _fetched_step(run: Assembly) -> None:
    _step(run, first_batch(run))


def _clear(run: Assembly) -> None:
    """Gradients and freed memory given back."""
    if run.state.optimizer is not None:
        run.state.optimizer.zero_grad(set_to_none=True)
    run.state.memory.clear()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def _highest(seen: torch.profiler.profile) -> int:
    """The most bytes that were allocated at once, above those at the beginning."""
    assert seen.profiler is not None and seen.profiler.kineto_results is not None
    events: list[Any] = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return int(np.cumsum(changes).max(initial=0))


def _resident() -> int | None:
    """Bytes that the process has now; its peak is counted anew from here on. None where that is not told."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(word: str) -> int | None:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{word}:")), None)
