"""torch's optimisers by name, with weight decay on weights and never on biases or norms."""

from __future__ import annotations

import torch
from torch import nn

from flori.core.recipe import Training


def build(model: nn.Module, options: Training) -> torch.optim.Optimizer:
    """The optimiser of a recipe over the parameters that learn.

    Parameters of one dimension (biases, norms) are kept out of the decay, which would pull them to zero
    without making the model simpler.
    """
    learning = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learning if p.dim() > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in learning if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    lr, momentum = options.lr, options.momentum
    match options.optimizer:
        case "sgd":
            nesterov = options.nesterov and momentum > 0
            return torch.optim.SGD(groups, lr, momentum=momentum, nesterov=nesterov, fused=_fusible(learning))
        case "adam":
            return torch.optim.Adam(groups, lr, fused=_fusible(learning))
        case "adamw":
            return torch.optim.AdamW(groups, lr, fused=_fusible(learning))
        case "adagrad":
            return torch.optim.Adagrad(groups, lr)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr, momentum=momentum)
    raise ValueError(f"{options.optimizer} is not an optimiser that takes steps")


def _fusible(parameters: list[nn.Parameter]) -> bool:
    """Whether torch has one kernel for the whole update of these parameters."""
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
