"""Rosenblatt's rule, example by example, whatever the batch; it ends after a pass without a mistake.

The scores of a whole batch and the products of its examples with each other are computed at once. A mistake then
changes the scores of the examples behind it by such products: each meets the weights as they are when its turn comes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.data.batches import Batch
from flori.training.state import State
from flori.training.updates import Update

Numbers = NDArray[np.float64]


def rosenblatt(per_epoch: int) -> Update:
    """The rule for a model with one `linear` layer [K, D], for passes of `per_epoch` batches.

    `state.notes` counts the mistakes of all passes and of this one, with the largest ‖x‖ and, of this pass, the least
    o_y − o_j; `state.settled` is true after a pass without a mistake: nothing would change any more. The loss of a
    batch is that of its examples when their turn came.
    """

    @torch.no_grad()
    def update(state: State, batch: Batch) -> Tensor:
        linear: Any = state.model.get_submodule("linear")
        x = batch.inputs.flatten(1)
        products, scores = x @ x.T + 1, linear(x)
        changes, gaps = walk(_numbers(scores), _numbers(products), batch.targets.cpu().numpy())
        steps = torch.from_numpy(changes).to(x)
        linear.weight += steps.T @ x
        linear.bias += steps.sum(0)
        if state.average is not None:
            state.average.update_parameters(state.model)
        _note(state, gaps, float(products.diagonal().max()) - 1, per_epoch)
        return torch.tensor(np.maximum(-gaps, 0).mean())

    return update


def walk(scores: Numbers, products: Numbers, classes: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """How often each example is to be added to each class, [B, K], and o_y − o_j of each when its turn came, [B].

    Args:
        scores: [B, K] before the first example; products: ⟨x_i, x_j⟩ + 1, [B, B]; classes: [B].
    """
    scores, changes, gaps = scores.copy(), np.zeros_like(scores), np.empty(len(scores))
    for i, right in enumerate(classes.tolist()):
        others = scores[i].copy()
        others[right] = -np.inf
        wrong = int(others.argmax())
        gaps[i] = scores[i, right] - others[wrong]
        if not gaps[i] > 0:
            for k, sign in ((right, 1.0), (wrong, -1.0)):
                changes[i, k] = sign
                scores[i + 1 :, k] += sign * products[i + 1 :, i]
    return changes, gaps


def _note(state: State, gaps: Numbers, square: float, per_epoch: int) -> None:
    notes, mistakes = state.notes, int((gaps <= 0).sum())
    begins, ends = state.step % per_epoch == 0, (state.step + 1) % per_epoch == 0
    least = float(gaps.min())
    notes["mistakes"] = notes.get("mistakes", 0) + mistakes
    notes["mistakes_of_pass"] = mistakes + (0 if begins else notes["mistakes_of_pass"])
    notes["least_gap"] = least if begins else min(least, notes["least_gap"])
    notes["radius"] = max(notes.get("radius", 0.0), max(square, 0.0) ** 0.5)
    state.settled = ends and notes["mistakes_of_pass"] == 0


def _numbers(tensor: Tensor) -> Numbers:
    return tensor.double().cpu().numpy()
