"""What a language model says of each next token of a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from flori.core.device import computing
from flori.data.sequences import TokenBatch


@torch.inference_mode()
def next_tokens(
    model: nn.Module, batches: Iterable[TokenBatch], device: torch.device, precision: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits [B, T, V] and targets int64 [B, T] of batch after batch; a state goes on to the next one unless that
    begins anew."""
    model.eval()
    memory = None
    for batch in batches:
        with computing(device, precision):
            logits, memory = model(batch.inputs, None if batch.fresh else memory)
        yield logits, batch.targets
