"""Losses of numbers by name, averaged over the batch, for errors e = ŷ − y as learnt (standardised unless
data.scale=none):

squared   ½e²: maximum likelihood under Gaussian noise
absolute  |e|: the median, which outliers hardly move
huber     ½e² inside |e| ≤ 1, |e| − ½ outside (Huber 1964)

torch's MSELoss has no ½: with it the gradient is ŷ − y, as in the books.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.data.batches import Batch
from flori.objectives.objective import Objective

LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "squared": lambda error: 0.5 * error.square(),
    "absolute": lambda error: error.abs(),
    "huber": lambda error: F.huber_loss(error, torch.zeros_like(error), reduction="none"),
}
"""By name: errors of any shape → the loss of each."""


def regression(loss: str = "squared") -> Objective:
    """The objective for outputs [N] and numbers [N], by one of `LOSSES`."""

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        error = model(batch.inputs).to(batch.targets.dtype) - batch.targets
        return {"loss": LOSSES[loss](error).mean()}

    return Objective(losses, count=lambda batch: batch.count())
