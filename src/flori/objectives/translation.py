"""Translation: the cross-entropy of each next token of the true translation, averaged over all tokens of the batch.

The decoder reads the true tokens, whatever it would have said itself (teacher forcing, Williams and Zipser 1989).
"""

from __future__ import annotations

from torch import Tensor, nn

from flori.objectives.masked import Pairs, count, cross_entropy
from flori.objectives.objective import Objective


def translation(label_smoothing: float = 0.0) -> Objective[Pairs]:
    """The objective for ``model(inputs [B, S], lengths [B], decoder_inputs [B, T]) -> logits [B, T, V]`` and targets
    int64 [B, T]."""

    def losses(model: nn.Module, batch: Pairs) -> dict[str, Tensor]:
        logits = model(batch.source, batch.source_lengths, batch.inputs)
        return {"loss": cross_entropy(logits, batch.targets, label_smoothing)}

    return Objective(losses, count)
