"""Weights of which every rank keeps a share, with its gradients and what the optimiser remembers of it.

torch's fully_shard: before a forward pass the shares of all ranks are gathered, after the backward pass each gets the
gradient of its own (Rajbhandari et al., "ZeRO", 2020). What only works on whole tensors asks for them by `whole`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def is_sharded(tensor: Tensor) -> bool:
    """Whether it is a rank's share of a tensor."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, gathered from all ranks where it is sharded: then all have to ask."""
    found: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found


def local(tensor: Tensor) -> Tensor:
    """A rank's own share."""
    found: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return found


def share_like(tensor: Tensor, given: Tensor) -> Tensor:
    """Of a whole tensor `given` the share that this rank has of `tensor`."""
    if not is_sharded(tensor):
        return given
    from torch.distributed.tensor import distribute_tensor

    laid: Any = tensor
    return distribute_tensor(given, laid.device_mesh, laid.placements, src_data_rank=None)


def as_share(tensor: Tensor, own: Tensor) -> Tensor:
    """A rank's own numbers as its share of a tensor that is divided as `tensor` is."""
    if not is_sharded(tensor):
        return own
    from torch.distributed.tensor import DTensor

    laid: Any = tensor
    places = (laid.device_mesh, laid.placements)
    return DTensor.from_local(own, *places, run_check=False, shape=tensor.shape, stride=tensor.stride())


def shard(model: nn.Module, average: AveragedModel | None, mesh: Any) -> None:
    """Shard the weights of a network, and of their moving average, over the ranks of a mesh. They come to lie in the
    order of their dimensions, the only one that torch shards."""
    from torch.distributed.fsdp import fully_shard

    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nothing is written into outputs
    for one in [model] if average is None else [model, average.module]:
        fully_shard(one.to(memory_format=torch.contiguous_format), mesh=mesh)
    if average is not None:
        average.update_parameters = _updating(average)  # type: ignore[method-assign, assignment]


def _updating(average: AveragedModel) -> Callable[[nn.Module], None]:
    """torch's own takes all tensors together, whole ones and shares; here each rank moves what it has."""

    @torch.no_grad()
    def update(model: nn.Module) -> None:
        ours, theirs = (_locals(one) for one in (average.module, model))
        for mean, now in zip(ours, theirs, strict=True):
            if int(average.n_averaged) == 0 or not mean.is_floating_point():
                mean.copy_(now)
            elif mean.numel():
                average.multi_avg_fn([mean], [now], average.n_averaged)  # type: ignore[misc]
        average.n_averaged += 1

    return update


def _locals(model: nn.Module) -> Sequence[Tensor]:
    return [local(t.detach()) for t in (*model.parameters(), *model.buffers())]
