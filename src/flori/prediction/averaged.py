"""An ensemble: several networks of one kind, their answers averaged (Breiman, "Bagging predictors", 1996)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Averaged(nn.Module):
    """The mean of what K networks say: p = Σ_k softmax(z_k)/K for classes, y = Σ_k y_k/K for numbers.

    Of classes it gives log p. The softmax of that is p again, and its cross-entropy −log p, so that whatever takes
    logits takes it as it is. Numbers are averaged as they were learnt: of logarithms where the scale is one of them.
    """

    def __init__(self, models: Iterable[nn.Module], classes: bool) -> None:
        super().__init__()
        self.models, self.classes = nn.ModuleList(models), classes

    def forward(self, *inputs: Any) -> Tensor:
        """What one network takes → log p, [N, C], or the mean, [N]; at least float32."""
        said = [model(*inputs) for model in self.models]
        outputs = torch.stack([one if one.dtype.itemsize >= 4 else one.float() for one in said])
        if not self.classes:
            return outputs.mean(0)
        return outputs.log_softmax(2).logsumexp(0) - math.log(len(outputs))
