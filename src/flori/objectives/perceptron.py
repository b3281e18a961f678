"""The perceptron's criterion: how far the strongest wrong class is above the right one, max(0, o_j − o_y), averaged.

Rosenblatt's rule is its descent example by example; a tie counts as a mistake all the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flori.data.batches import Batch
from flori.objectives.objective import Objective


def gaps(scores: Tensor, classes: Tensor) -> Tensor:
    """o_y − o_j with j the strongest other class: scores [N, K] and classes int64 [N] → [N]; a mistake is ≤ 0."""
    right = scores.gather(1, classes[:, None])
    others = scores.scatter(1, classes[:, None], -torch.inf)
    return (right - others.max(1, keepdim=True).values).squeeze(1)


def perceptron() -> Objective:
    """The objective for scores [N, K] and classes int64 [N]."""

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"loss": (-gaps(model(batch.inputs), batch.targets)).clamp(min=0).mean()}

    return Objective(losses, count=lambda batch: batch.count())
