"""Cross-entropy where some targets are none: the mean of −Σ_k q_k log softmax(o)_k over the valid ones.

q is 1 for the true token and 0 elsewhere; label smoothing ε moves ε of it evenly over all V tokens (Szegedy et al.
2016). A model that holds all V for equally probable has the loss ln V, whatever the smoothing and the padding.
"""

from __future__ import annotations

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from flori.objectives import large_vocabulary

IGNORED = -100
"""In place of a target where there is none, as behind the end of a sentence."""


class Tokens(Protocol):
    """Sequences of one length, or padded: inputs and targets int64 [B, T], targets of padded places −100."""

    @property
    def inputs(self) -> Tensor: ...

    @property
    def targets(self) -> Tensor: ...


class Sequences(Tokens, Protocol):
    """Padded sequences with the number of their tokens, int64 [B]. `read` is all that a labelling network takes."""

    @property
    def lengths(self) -> Tensor: ...

    @property
    def read(self) -> tuple[Tensor, ...]: ...


class Pairs(Sequences, Protocol):
    """Sequences that others lead to: source int64 [B, S] with lengths [B]; inputs are the targets one place later."""

    @property
    def source(self) -> Tensor | None: ...

    @property
    def source_lengths(self) -> Tensor | None: ...


def count(batch: Tokens) -> int:
    """How many targets of a batch are valid."""
    return int((batch.targets != IGNORED).sum())


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The mean over the valid targets int64 [...] for logits [..., V], computed in float32 at least.

    0, with gradients of 0, where no target is valid: a part of a divided batch may have none.
    """
    rows, wanted = logits.flatten(0, -2), targets.flatten()
    if large_vocabulary.pays(rows):
        return large_vocabulary.cross_entropy(rows, wanted, label_smoothing, IGNORED)
    wide = rows if rows.dtype.itemsize >= 4 else rows.float()
    total = F.cross_entropy(wide, wanted, ignore_index=IGNORED, label_smoothing=label_smoothing, reduction="sum")
    return total / (wanted != IGNORED).sum().clamp(min=1)
