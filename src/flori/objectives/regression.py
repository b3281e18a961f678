"""Squared error ½(y − ŷ)², averaged over the batch: maximum likelihood under Gaussian noise.

torch's MSELoss has no ½: with it the gradient is ŷ − y, as in the books.
"""

from __future__ import annotations

from torch import Tensor, nn

from flori.data.batches import Batch
from flori.objectives.objective import Objective


def regression() -> Objective:
    """The objective for outputs [N] and numbers [N]."""

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        error = model(batch.inputs).to(batch.targets.dtype) - batch.targets
        return {"loss": 0.5 * error.square().mean()}

    return Objective(losses, count=len)
