"""Cross-entropy of the true class: −Σ_k q_k log softmax(o)_k, averaged over the batch.

q is 1 for the true class and 0 elsewhere; label smoothing ε moves ε of it evenly over all K classes
(Szegedy et al. 2016). The gradient with respect to the logits is (softmax(o) − q)/N.

A blended picture (mixup, Zhang et al. 2018; cutmix, Yun et al. 2019) has the loss of its own class and of its
partner's, by their shares. Auxiliary logits (Szegedy et al. 2015) add their loss times the model's weight for them.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.data.batches import Batch
from flori.objectives.objective import Objective


def classification(label_smoothing: float = 0.0) -> Objective:
    """The objective for logits [N, K] and classes int64 [N]. Logits are widened to float32 at least, and
    torch's log-softmax takes off the largest first, so that logits of ±1e4 stay finite."""

    def entropy(logits: Tensor, batch: Batch) -> Tensor:
        wide = logits if logits.dtype.itemsize >= 4 else logits.float()
        if batch.others is None or batch.shares is None:
            return F.cross_entropy(wide, batch.targets, label_smoothing=label_smoothing)
        own, other = (
            F.cross_entropy(wide, classes, label_smoothing=label_smoothing, reduction="none")
            for classes in (batch.targets, batch.others)
        )
        return (batch.shares * own + (1 - batch.shares) * other).mean()

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        outputs = model(batch.inputs)
        if isinstance(outputs, Tensor):
            return {"loss": entropy(outputs, batch)}
        logits, *auxiliary = outputs
        main = entropy(logits, batch)
        aside = torch.stack([entropy(one, batch) for one in auxiliary]).sum()
        weight = cast(float, model.auxiliary_weight)
        return {"loss": main + weight * aside, "main": main, "auxiliary": aside}

    return Objective(losses, count=lambda batch: batch.count())
