"""What a rule found out while it learnt, beside scores: for the summary of a run, and in a sentence for people."""

from __future__ import annotations

from typing import Any

import torch

from flori.core.recipe import Training
from flori.evaluation.separability import sentence, separability
from flori.training.sharding import whole
from flori.training.state import State


def findings(training: Training, state: State, per_epoch: int) -> dict[str, Any]:
    """More for summary.json: ``perceptron`` or ``zero_weights`` with a ``remark``; nothing for most systems."""
    if training.optimizer == "perceptron" and state.notes and training.init is None:
        numbers = torch.cat([p.detach().flatten() for p in state.model.parameters()])
        found = separability(state.notes, float(numbers.double().norm()), state.settled)
        return {"perceptron": found, "remark": sentence(found, state.step / per_epoch)}
    if training.l1:
        weights = torch.cat([whole(p.detach()).flatten() for p in state.learnt.parameters() if p.dim() > 1])
        zero = int((weights == 0).sum())
        return {"zero_weights": zero, "remark": f"{zero:,} of {len(weights):,} weights are exactly 0"}
    return {}
