"""Inputs → outputs of a trained network: no gradient, evaluation mode, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from flori.core.device import computing
from flori.data.batches import Batch


def outputs(model: nn.Module, batches: Iterable[Batch], device: torch.device, precision: str) -> Tensor:
    """The outputs of all batches, [N, …], at least float32. The model is left in evaluation mode."""
    model.eval()
    found = []
    with torch.inference_mode(), computing(device, precision):
        for batch in batches:
            out = model(batch.inputs)
            found.append(out if out.dtype.itemsize >= 4 else out.float())
    return torch.cat(found)
