"""Language: the cross-entropy of each next token, averaged over all tokens of the batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from flori.objectives.masked import Tokens, count, cross_entropy
from flori.objectives.objective import Objective


def language(label_smoothing: float = 0.0) -> Objective[Tokens]:
    """The objective for ``model(inputs [B, T], memory) -> (logits [B, T, V], memory)`` and targets int64 [B, T], inputs
    one place later. Every batch begins with an empty memory."""

    def losses(model: nn.Module, batch: Tokens) -> dict[str, Tensor]:
        return carried(model, batch, None, label_smoothing)[0]

    return Objective(losses, count)


def carried(
    model: nn.Module, batch: Tokens, memory: Any, label_smoothing: float = 0.0
) -> tuple[dict[str, Tensor], Any]:
    """The losses of a batch that goes on from the memory of the batch before, and the memory after it."""
    logits, memory = model(batch.inputs, memory)
    return {"loss": cross_entropy(logits, batch.targets, label_smoothing)}, memory
