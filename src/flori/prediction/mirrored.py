"""Test-time flip: the answer to a picture and to its mirror image, averaged (Krizhevsky et al. 2012, section 4.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class BothWays(nn.Module):
    """A classifier of pictures that looks twice, at the picture and at its mirror image, left to right.

    It gives the logarithm of the mean p of the two softmaxes. The softmax of that is p again, and its cross-entropy
    −log p, so that whatever takes logits takes it as it is.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → log p, at least float32 [N, K]."""
        return torch.logaddexp(self._log_softmax(x), self._log_softmax(x.flip(3))) - math.log(2)

    def _log_softmax(self, x: Tensor) -> Tensor:
        logits = self.model(x)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(1)
