"""Muon: momentum made orthogonal, for matrices; Adam for everything else.

A matrix is moved by the nearest one with orthonormal rows or columns to its momentum, so that all directions are learnt
alike and not the few largest alone (Jordan et al. 2024). Five steps of an odd polynomial come near enough:
X ← aX + b(XXᵀ)X + c(XXᵀ)²X. Times 0.2·√max(m, n) its numbers are as large as AdamW's, whose learning rate and decay it
then shares (Liu et al. 2025). Embeddings, outputs, norms and biases go by AdamW (Loshchilov and Hutter 2019).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from flori.training.sharding import as_share, local, share_like, whole

A, B, C = 3.4445, -4.7750, 2.0315
STEPS = 5
ALIKE = 0.2  # the root mean square of AdamW's updates, about
BETAS, EPSILON = (0.9, 0.95), 1e-8


class Muon(torch.optim.Optimizer):
    """Groups with ``matrices=True`` by Muon, the others by AdamW."""

    def __init__(self, groups: list[dict[str, Any]], lr: float, momentum: float = 0.95) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "matrices": False})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            learning = [p for p in group["params"] if p.grad is not None]
            if learning and group["weight_decay"]:
                torch._foreach_mul_([local(p) for p in learning], 1 - group["lr"] * group["weight_decay"])
            if group["matrices"]:
                self._orthogonal(learning, group)
            else:
                self._adam(learning, group)

    def _orthogonal(self, learning: list[Tensor], group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for p in learning:
            alike[p.shape].append(p)
        for shape, matrices in alike.items():  # those of one shape as one batch of products
            momenta = [local(self._slot(p, "momentum")) for p in matrices]
            gradients = [local(p.grad) for p in matrices if p.grad is not None]
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
            moves = _moves([as_share(p, one) for p, one in zip(matrices, ahead, strict=True)])
            moves = moves.to(matrices[0].dtype) * (ALIKE * max(shape) ** 0.5)
            own = [local(share_like(p, move)) for p, move in zip(matrices, moves, strict=True)]
            torch._foreach_add_([local(p) for p in matrices], own, alpha=-group["lr"])

    def _adam(self, learning: list[Tensor], group: dict[str, Any]) -> None:
        names = ("first", "second", "count")
        first, second, count = ([local(self._slot(p, name)) for p in learning] for name in names)
        gradients = [local(p.grad) for p in learning if p.grad is not None]
        learning = [local(p) for p in learning]
        adamw(
            *(learning, gradients, first, second, [], count),
            fused=all(p.device.type in ("cpu", "cuda") for p in learning),
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=group["lr"],
            weight_decay=0.0,  # done for all groups alike
            eps=EPSILON,
            maximize=False,
        )

    def _slot(self, p: Tensor, name: str) -> Tensor:
        slots = self.state[p]
        if name not in slots:
            count = torch.zeros((), dtype=torch.float32, device=p.device)
            slots[name] = count if name == "count" else torch.zeros_like(p)
        return slots[name]


def _moves(matrices: list[Tensor]) -> Tensor:
    """The orthogonal ones, [K, m, n]. Of matrices of which ranks have shares each makes all of them: to make them is
    quicker than to hand them round."""
    return orthogonal(torch.stack([whole(one) for one in matrices]))


def orthogonal(matrices: Tensor) -> Tensor:
    """Near each of matrices [K, m, n] the one with orthonormal rows, or columns if m > n; singular values come to
    between 0.7 and 1.2. In bfloat16, which is exact enough, unless the weights are in float64."""
    high = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if high else matrices
    x = x if x.dtype == torch.float64 else x.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    # A single one as a matrix: in a batch its transpose would be copied for each product.
    x = _nearer(x[0], torch.addmm)[None] if len(x) == 1 else _nearer(x, torch.baddbmm)
    return x.mT if high else x


def _nearer(x: Tensor, add: Callable[..., Tensor]) -> Tensor:
    """The steps, on matrices [m, n] or [K, m, n] with m ≤ n; `add` is addmm or baddbmm."""
    for _ in range(STEPS):
        squares = x @ x.mT
        x = add(x, add(squares, squares, squares, beta=B, alpha=C), x, beta=A)
    return x
