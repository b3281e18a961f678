"""Scores of a language: how probable a model holds what was said.

perplexity = exp(total −log p / total tokens): 1 for a perfect model, V for a uniform one over V words.
"""

from __future__ import annotations

import math
import sys

import torch.nn.functional as F
from torch import Tensor

from flori.core.ranks import ALONE, Ranks
from flori.objectives.masked import IGNORED

BETTER = ("perplexity", False)
"""The score that runs are compared by, and whether more of it is better."""

LARGEST = math.log(sys.float_info.max)


class Surprise:
    """−log p of all targets, summed in float64 over batches of whatever sizes; of several ranks each has its own."""

    def __init__(self, ranks: Ranks = ALONE) -> None:
        self.ranks = ranks
        self.total = 0.0
        self.tokens = 0

    def add(self, logits: Tensor, targets: Tensor) -> None:
        """Take in logits [..., V] for targets int64 [...]; those of −100 are none."""
        self.total += float(surprise(logits, targets).cpu().double().sum())
        self.tokens += int((targets != IGNORED).sum())

    def scores(self) -> dict[str, float]:
        """`loss` in nats a token, and `perplexity`. Raises ValueError where there was no token."""
        total, tokens = map(sum, zip(*self.ranks.gathered([self.total, self.tokens]), strict=True))
        if not tokens:
            raise ValueError("no token was scored, so there is no mean over them")
        loss = total / tokens
        return {"loss": loss, "perplexity": math.exp(min(loss, LARGEST))}  # JSON has no infinity


def surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """−log softmax(logits)_target in nats, of the shape of the targets [...]; 0 where there is none. At least float32.

    Args: logits: [..., V].
    """
    wide = logits if logits.dtype.itemsize >= 4 else logits.float()
    found = F.cross_entropy(wide.flatten(0, -2), targets.flatten(), reduction="none", ignore_index=IGNORED)
    return found.view(targets.shape)
