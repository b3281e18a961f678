"""Batch norm over the whole batch where several ranks hold a share of it each (Ioffe and Szegedy 2015).

torch's SyncBatchNorm is for CUDA only. Here mean and variance come from sums over all ranks, through which gradients
flow back to all of them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from flori.core.ranks import ALONE, Ranks


class NormOverAll(_BatchNorm):
    """As torch's BatchNorm of one to three dimensions, by mean and variance of the shares of all ranks together.

    `ranks` are those whose shares make a batch. `counts` says whether this rank's share does: one without rows goes
    along with some that stand for none.
    """

    counts, ranks = True, ALONE

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() < 2:
            raise ValueError(f"wanted are at least two dimensions, examples and channels; got {x.dim()}")

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, …] → the same. Every rank is to call it, with whatever N of 1 or more."""
        self._check_input_dim(x)
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        wide = x if x.dtype.itemsize >= 4 else x.float()
        mean, variance, count = _moments(wide, self.counts, self.ranks)
        self._remember(mean.detach(), variance.detach(), count)
        return _by_channel(wide, mean, (variance + self.eps).rsqrt(), self.weight, self.bias).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        unbiased = variance * (count / (count - 1).clamp(min=1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)


def _moments(x: Tensor, counts: bool, ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance [C] over all ranks, and how many numbers of a channel they are of."""
    axes = [axis for axis in range(x.dim()) if axis != 1]
    numbers = x.new_full((1,), x.numel() / x.shape[1])
    sums = _over_all(torch.cat([x.sum(axes), numbers]) * float(counts), ranks)
    count = sums[-1].detach()
    mean = sums[:-1] / count
    deviations = (x - _along(mean, x)).square().sum(axes)
    return mean, _over_all(deviations * float(counts), ranks) / count, count


class _Sum(torch.autograd.Function):
    """The sum over all ranks. What each makes of it is theirs together, so gradients are summed alike."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.total(numbers.clone())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.total(slopes[0].clone()), None


def _over_all(numbers: Tensor, ranks: Ranks) -> Tensor:
    found: Tensor = _Sum.apply(numbers, ranks)
    return found


def _by_channel(x: Tensor, mean: Tensor, scale: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    scale = scale if weight is None else scale * weight
    offset = -mean * scale if bias is None else bias - mean * scale
    return torch.addcmul(_along(offset, x), x, _along(scale, x))


def _along(channels: Tensor, x: Tensor) -> Tensor:
    """A number a channel, laid along those of x [N, C, …]."""
    return channels.view(1, -1, *[1] * (x.dim() - 2))


def normed_over_all(model: nn.Module, ranks: Ranks) -> nn.Module:
    """The network with each of its batch norms over the whole batch, of which `ranks` have a share each; weights and
    names stay."""
    for name, child in model.named_children():
        if isinstance(child, _BatchNorm):
            setattr(model, name, _made_of(child, ranks))
        else:
            normed_over_all(child, ranks)
    return model


def _made_of(norm: _BatchNorm, ranks: Ranks) -> NormOverAll:
    made = NormOverAll(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    for name, tensor in (*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)):
        setattr(made, name, tensor)
    made.ranks = ranks
    return made.train(norm.training)
