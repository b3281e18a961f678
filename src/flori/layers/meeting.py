"""How inputs meet the weights of a recurrent layer, W_ih x + b: all steps at once, before the loop over time.

Tokens of few kinds meet them kind by kind: the rows of the table of embeddings go through the product, and each place
takes what its token's row came to. That is the same number with V products in place of one for every place, forwards
and backwards.

Shapes: P places; x [P, D] or tokens int64 [P] with a table [V, D]; W_ih [K, D], b [K] → [P, K].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Looked:
    """Inputs that are rows of a table [V, D], by the numbers in `index`, int64 of any shape."""

    table: Tensor
    index: Tensor

    def rows(self) -> Tensor:
        """The inputs themselves: [*index.shape, D]."""
        return F.embedding(self.index, self.table)


class Product(torch.autograd.Function):
    """x Wᵀ + b in the type of x and W, with the gradient of b as a product too: the quickest sum over rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.addmm(bias.to(x.dtype), x, weight.t())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        (x, weight), d = ctx.saved_tensors, gradients[0]
        return d @ weight if ctx.needs_input_grad[0] else None, d.t() @ x, sum_of_rows(d)


class Rows(torch.autograd.Function):
    """The rows of a table [V, K] that stand at `index` int64 [P]. Backwards a product with ones and zeros [V, P] adds
    up what belongs to one row, in float32 where numbers are of bfloat16."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.kinds = len(table)
        return table.index_select(0, index)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (index,), d = ctx.saved_tensors, gradients[0]
        chosen = d.new_zeros(ctx.kinds, len(index)).scatter_(0, index[None], 1.0)
        return chosen @ d, None


def sum_of_rows(d: Tensor) -> Tensor:
    """[P, K] → [K], added up in float32 where d is of bfloat16."""
    return (d.new_ones(1, len(d)) @ d)[0]
