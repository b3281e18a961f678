"""Cross-entropy of the true class: −Σ_k q_k log softmax(o)_k, averaged over the batch.

q is 1 for the true class and 0 elsewhere; label smoothing ε moves ε of it evenly over all K classes
(Szegedy et al. 2016). The gradient with respect to the logits is (softmax(o) − q)/N.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from flori.data.batches import Batch
from flori.objectives.objective import Objective


def classification(label_smoothing: float = 0.0) -> Objective:
    """The objective for logits [N, K] and classes int64 [N]. Logits are widened to float32 at least, and
    torch's log-softmax takes off the largest first, so that logits of ±1e4 stay finite."""

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = model(batch.inputs)
        wide = logits if logits.dtype.itemsize >= 4 else logits.float()
        return {"loss": F.cross_entropy(wide, batch.targets, label_smoothing=label_smoothing)}

    return Objective(losses, count=len)
