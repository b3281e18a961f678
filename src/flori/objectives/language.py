"""Language: the cross-entropy of each next token, averaged over all tokens of the batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from flori.objectives.masked import Tokens, count, cross_entropy
from flori.objectives.objective import Objective


def language(label_smoothing: float = 0.0) -> Objective[Tokens]:
    """The objective for ``model(inputs [B, T], memory) -> (logits [B, T, V], memory)`` and targets int64 [B, T], inputs
    one place later."""

    def carried(model: nn.Module, batch: Tokens, memory: Any) -> tuple[dict[str, Tensor], Any]:
        logits, memory = model(batch.inputs, memory)
        return {"loss": cross_entropy(logits, batch.targets, label_smoothing)}, memory

    return Objective(lambda model, batch: carried(model, batch, None)[0], count, carried)
