"""What a network says of sequences of different length, or of each of their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from flori.core.device import computing
from flori.data.sequences import TokenBatch


@torch.inference_mode()
def labelled(
    model: nn.Module, batches: Iterable[TokenBatch], device: torch.device, precision: str
) -> Iterator[tuple[Tensor, TokenBatch]]:
    """Logits, at least float32, with the batch that they are of: [B, K], or [B, T, K] word by word."""
    model.eval()
    for batch in batches:
        with computing(device, precision):
            logits = model(*batch.read)
        yield (logits if logits.dtype.itemsize >= 4 else logits.float()), batch
