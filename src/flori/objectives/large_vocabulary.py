"""Cross-entropy over many words on a processor, where moving memory is what takes time.

The gradient with respect to the logits is (softmax(o) − q)/n, and softmax(o) is at hand when the loss is computed. So
both are made in one pass over pieces that fit in the cache: nothing as large as the logits [N, V] is held in float32
besides them, and their gradient is written once, in their own precision.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LARGE = 1 << 18  # logits from which on it is the faster way
PIECE = 1 << 18  # logits worked on at once: 1 MiB in float32


def pays(logits: Tensor) -> bool:
    """Whether this is the faster way for logits [N, V]: many, on a processor, and a gradient is wanted."""
    learning = logits.requires_grad and torch.is_grad_enabled()
    return learning and logits.device.type == "cpu" and logits.numel() >= LARGE


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float, ignored: int) -> Tensor:
    """The mean over targets int64 [N] other than `ignored` for logits [N, V], computed in float32 at least."""
    return _CrossEntropy.apply(logits, targets, smoothing, ignored)


class _CrossEntropy(torch.autograd.Function):
    """−Σ_k q_k log p_k = (1 − ε)(m − o_y) + ε/V Σ_k (m − o_k) − log p_m for each row, m its largest o."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, smoothing: float, ignored: int) -> Tensor:
        words, exact = logits.shape[1], torch.promote_types(logits.dtype, torch.float32)
        valid = targets != ignored
        weight = valid.to(exact) / valid.sum().clamp(min=1)
        gradient, loss = torch.empty_like(logits), torch.zeros((), dtype=torch.float64)
        columns = (logits, targets.clamp(min=0)[:, None], weight[:, None], gradient)
        for given, true, share, slope in zip(*(t.split(max(1, PIECE // words)) for t in columns), strict=True):
            wide = given.to(exact)
            largest, chances = wide.amax(1, keepdim=True), wide.softmax(1)
            below = largest - wide.gather(1, true)
            if smoothing:
                below = (1 - smoothing) * below + smoothing * (largest - wide.mean(1, keepdim=True))
            nats = below - chances.amax(1, keepdim=True).log()
            loss += (torch.where(share > 0, nats, 0.0) * share).sum()  # what is no target may be infinite
            chances *= share
            if smoothing:
                chances -= smoothing / words * share
            slope.copy_(chances.scatter_add_(1, true, (smoothing - 1) * share))
        ctx.save_for_backward(gradient)
        return loss.to(exact)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        whole = gradient if slopes[0] == 1 else gradient * slopes[0].to(gradient.dtype)  # 1: the batch is not divided
        return whole, None, None, None
