"""torch's optimisers by name, with penalties on weights and never on biases or norms."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from flori.core.recipe import Training
from flori.training.heads import in_head
from flori.training.muon import Muon
from flori.training.proximal import Fista
from flori.training.sharding import is_sharded


def build(model: nn.Module, options: Training) -> torch.optim.Optimizer:
    """The optimiser of a recipe over the parameters that learn, in groups of their own highest rate and decay.

    Parameters of one dimension (biases, norms) are kept out of the penalties, which would pull them to zero
    without making the model simpler. The decay of adamw and muon is w ← (1 − ηλ)w, apart from the gradient. The others
    add λw to the gradient, as torch does: the same for gd and for sgd without momentum (Loshchilov and Hutter 2019),
    while a momentum goes on pulling by earlier weights, and adagrad, rmsprop and adam divide the pull by their √r.
    Every rule is written out in `flori.reference.optimisers`.
    """
    groups = _groups(model, options)
    learning = [p for group in groups for p in group["params"]]
    lr, momentum = options.lr, options.momentum
    match options.optimizer:
        case "gd":
            return torch.optim.SGD(groups, lr, fused=_fusible(learning))
        case "sgd" | "momentum" | "nesterov":
            ahead = momentum > 0 and (options.nesterov or options.optimizer == "nesterov")
            return torch.optim.SGD(groups, lr, momentum=momentum, nesterov=ahead, fused=_fusible(learning))
        case "adam":
            return torch.optim.Adam(groups, lr, fused=_fusible(learning))
        case "adamw":
            return torch.optim.AdamW(groups, lr, fused=_fusible(learning))
        case "adagrad":
            return torch.optim.Adagrad(groups, lr)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr, momentum=momentum)
        case "muon":
            return Muon(_with_matrices_apart(model, groups), lr, momentum)
        case "fista":
            return Fista(groups, lr)
    raise ValueError(f"{options.optimizer} is not an optimiser that takes steps")


def names(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """The parameters of an optimiser in its order, as the network calls them."""
    called = {id(p): name for name, p in model.named_parameters()}
    return [called[id(p)] for group in optimizer.param_groups for p in group["params"]]


def _groups(model: nn.Module, options: Training) -> list[dict[str, Any]]:
    """The parameters that learn, weights before biases; the heads apart where they have a rate of their own."""
    learning = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    heads = {name for name, _ in learning if options.lr_head is not None and in_head(model, name)}
    groups = [
        {
            "params": [p for name, p in learning if (name in heads) is apart and (p.dim() > 1) is heavy],
            "highest": options.lr_head if apart else options.lr,
            "weight_decay": options.weight_decay if heavy else 0.0,
            "l1": options.l1 if heavy else 0.0,
        }
        for apart in (False, True)
        for heavy in (True, False)
    ]
    return [group for group in groups if group["params"]]


def _with_matrices_apart(model: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The groups, each divided into matrices between hidden layers, which go by Muon, and the rest: a table of tokens
    and an output stand for single words, row by row."""
    tables = {id(p) for layer in model.modules() if isinstance(layer, nn.Embedding) for p in layer.parameters()}
    ends = tables | {id(p) for name, p in model.named_parameters() if in_head(model, name)}
    divided = [
        {
            **group,
            "params": [p for p in group["params"] if (p.dim() == 2 and id(p) not in ends) is apart],
            "matrices": apart,
        }
        for group in groups
        for apart in (True, False)
    ]
    return [group for group in divided if group["params"]]


def _fusible(parameters: list[nn.Parameter]) -> bool:
    """Whether torch has one kernel for the whole update of these parameters: it has none for shares of them."""
    return all(not is_sharded(p) and p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
