"""Where a run's numbers stopped being numbers: its steps since the newest checkpoint, gone through once more.

A step is a pure function of the state, so the same happens again, and the last step can be looked at closely.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from flori.artifacts import checkpoints
from flori.artifacts.run_folder import RunFolder
from flori.core import seeds
from flori.recipes.assembly import Assembly, build_model
from flori.training.loop import loop
from flori.training.state import State, averaged
from flori.training.tracing import Origin, not_finite, trace


@dataclass(frozen=True)
class Traced:
    """The first tensor that was not finite, and the number of its step."""

    step: int
    origin: Origin

    def __str__(self) -> str:
        return f"in step {self.step} {self.origin}"

    def document(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {"step": self.step, **asdict(self.origin)}


def retrace(run: Assembly, folder: RunFolder) -> Traced | None:
    """The first tensor that was not finite up to the step that the run has come to; None if all were when the steps
    were done again, as may be where a device adds up in no fixed order. The run's state is as before."""
    state = run.state
    if state.optimizer is None:
        return None
    tensors, numbers = {name: t.clone() for name, t in state.tensors().items()}, state.numbers()
    found, _ = checkpoints.load_newest(folder.checkpoints)
    try:
        if found is None:
            _begin_again(run)
        else:
            state.restore(found.tensors, found.numbers, run.share)
        return _replayed(run, numbers["step"])
    finally:
        state.restore(tensors, numbers, run.share)


def _begin_again(run: Assembly) -> None:
    """The state of step 0: without a checkpoint the run began from the weights that its seed decides."""
    state, fresh = run.state, build_model(run.recipe, run.codec)
    with torch.no_grad():
        for name, t in _all_tensors(fresh).items():
            ours = _all_tensors(state.model)[name]
            if ours.shape == t.shape:  # others are rows that the network keeps
                ours.copy_(t)
    assert state.optimizer is not None
    state.optimizer.state.clear()
    state.average = averaged(state.model, run.recipe.training.average)
    state.step, state.memory = 0, {}


def _all_tensors(model: torch.nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _replayed(run: Assembly, until: int) -> Traced | None:
    found: list[Traced] = []

    def update(state: State, batch: Any) -> Tensor:
        before = {name: t.clone() for name, t in state.model.state_dict().items()}
        memory, step = dict(state.memory), state.step
        loss = run.update(state, batch)
        bad = [name for name, p in state.model.named_parameters() if not_finite(p)]
        if bad or not_finite(loss):
            made = Origin("update", bad[0], not_finite(state.model.get_parameter(bad[0]))) if bad else None
            state.model.load_state_dict(before)
            state.memory = memory
            with seeds.scope(run.recipe.seed, "step", step, 0):
                parts = batch.divided(run.recipe.training.accumulate)
                origin = trace(state, run.objective, parts, run.device, run.precision) or made
            found.extend([Traced(step + 1, origin)] if origin else [])
        return loss

    for _ in loop(run.state, run.batches, update, until, run.recipe.seed):
        if found:
            return found[0]
    return None
