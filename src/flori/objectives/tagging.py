"""Sequence labelling: the cross-entropy of each word's tag, averaged over all words of the batch."""

from __future__ import annotations

from torch import Tensor, nn

from flori.objectives.masked import Sequences, count, cross_entropy
from flori.objectives.objective import Objective


def tagging(label_smoothing: float = 0.0) -> Objective[Sequences]:
    """The objective for ``model(inputs [B, T], lengths [B], …) -> logits [B, T, K]`` and tags int64 [B, T]; with one
    label a sequence, logits [B, K] and labels [B], it is that of classifying them."""

    def losses(model: nn.Module, batch: Sequences) -> dict[str, Tensor]:
        return {"loss": cross_entropy(model(*batch.read), batch.targets, label_smoothing)}

    return Objective(losses, count)
