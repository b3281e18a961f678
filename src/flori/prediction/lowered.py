"""A network made ready to say one token after the other."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

LOW = torch.bfloat16


def lowered(model: nn.Module, precision: str) -> nn.Module:
    """The network in evaluation; where products are made in bfloat16, a copy that has its matrices in it: with few
    tokens at a pass, autocast takes as long to make them as the products take. An embedding that is the output too
    stays as it is, and the output is a layer of its own."""
    model.eval()
    if precision != "bfloat16":
        return model
    copy: Any = deepcopy(model)
    if getattr(copy, "output", copy) is None:
        table = copy.get_submodule(copy.heads[0]).weight
        copy.output = nn.Linear(table.shape[1], table.shape[0], bias=False)
        copy.output.weight = nn.Parameter(table.detach())
    for module in copy.modules():
        if isinstance(module, nn.Linear | nn.RNNBase):
            module.to(LOW)
    return copy
