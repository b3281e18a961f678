"""Inputs → outputs of a trained network: no gradient, evaluation mode, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from flori.core.device import computing, parameter_type
from flori.core.ranks import ALONE, Ranks
from flori.data.batches import Batch
from flori.prediction.shared import tensors_in_turn


def outputs(
    model: nn.Module, batches: Iterable[Batch], device: torch.device, precision: str, ranks: Ranks = ALONE
) -> Tensor:
    """The outputs of all batches, [N, …], at least float32. The model is left in evaluation mode. Of several ranks each
    has every n-th batch, and all get the outputs of all."""
    model.eval()
    found = []
    with torch.inference_mode(), computing(device, precision):
        for batch in batches:
            out = model(batch.inputs)
            found.append(out if out.dtype.itemsize >= 4 else out.float())
    return torch.cat(tensors_in_turn(found, parameter_type(precision), ranks))
