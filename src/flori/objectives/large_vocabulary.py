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
    """−Σ_k q_k log p_k = log Σ_k exp(o_k) − (1 − ε) o_y − ε/V Σ_k o_k, for each row less its largest o."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, smoothing: float, ignored: int) -> Tensor:
        words, exact = logits.shape[1], torch.promote_types(logits.dtype, torch.float32)
        valid = targets != ignored
        weight = valid.to(exact) / valid.sum().clamp(min=1)
        gradient, loss = torch.empty_like(logits), torch.zeros((), dtype=torch.float64)
        columns = (logits, targets.clamp(min=0)[:, None], weight[:, None], gradient)
        for given, true, share, slope in zip(*(t.split(max(1, PIECE // words)) for t in columns), strict=True):
            wide = given.to(exact, copy=True)
            wide -= wide.amax(1, keepdim=True)
            wanted = (1 - smoothing) * wide.gather(1, true) + smoothing / words * wide.sum(1, keepdim=True)
            total = wide.exp_().sum(1, keepdim=True)
            loss += ((total.log() - wanted) * share).sum()
            wide *= share / total
            wide -= smoothing / words * share
            slope.copy_(wide.scatter_add_(1, true, (smoothing - 1) * share))
        ctx.save_for_backward(gradient)
        return loss.to(exact)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * slopes[0].to(gradient.dtype), None, None, None
