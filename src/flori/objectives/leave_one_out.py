"""The loss, such as ½(y − ŷ)², of a model that keeps the training rows, each answered from all the others.

A row that might attend to itself would answer itself alone, and the narrowest kernel would seem the best.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flori.data.batches import Batch
from flori.objectives.objective import Objective
from flori.objectives.regression import LOSSES


def leave_one_out(inputs: Tensor, targets: Tensor, loss: str = "squared") -> Objective:
    """The objective for a model that was handed the rows [M, D] with their numbers [M], for batches of the same rows.

    A row is known by its bits. Rows that are equal in all of them may stand for each other: leaving out either comes to
    the same.
    """
    places = {row: place for place, row in enumerate(_bits(inputs, targets))}

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        own = torch.tensor([places[row] for row in _bits(batch.inputs, batch.targets)], device=batch.targets.device)
        error = model(batch.inputs, own) - batch.targets
        return {"loss": LOSSES[loss](error).mean()}

    return Objective(losses, count=lambda batch: batch.count())


def _bits(inputs: Tensor, targets: Tensor) -> list[bytes]:
    return [row.tobytes() for row in torch.cat([inputs.flatten(1), targets[:, None]], 1).cpu().numpy()]
