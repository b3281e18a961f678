"""Weights of which every rank keeps a share, with its gradients and what the optimiser remembers of it.

torch's fully_shard: before a forward pass the shares of all ranks are gathered, after the backward pass each gets the
gradient of its own (Rajbhandari et al., "ZeRO", 2020). What only works on whole tensors asks for them by `whole`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from flori.core.ranks import Ranks

GROUPS = 32  # of weights that are gathered at once: at most about so many, as each message has its latency


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


def in_one_piece(tensor: Tensor) -> bool:
    """Whether a rank's share is one block of the tensor, or all of it: so it can be written and read by itself. Rows of
    queries, keys and values divided by heads are not."""
    return all(type(place).__name__ != "_StridedShard" for place in getattr(tensor, "placements", ()))


def all_of(tensors: dict[str, Tensor], stages: Ranks) -> dict[str, Tensor]:
    """All tensors by name that ranks hold, whole ones, of any types; all have to ask."""
    if stages.alone:
        return tensors
    said = stages.gathered([[name, list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in tensors.items()])
    found: dict[str, Tensor] = {}
    for kind in sorted({kind for one in said for _, _, kind in one}):
        dtype = getattr(torch, kind)
        own = [t.detach().flatten() for t in tensors.values() if t.dtype == dtype]
        place = next(iter(tensors.values())).device
        flats = stages.joined(torch.cat(own) if own else torch.empty(0, dtype=dtype, device=place))
        for flat, one in zip(flats, said, strict=True):
            shapes = {name: torch.Size(shape) for name, shape, other in one if other == kind}
            pieces = flat.split([shape.numel() for shape in shapes.values()])
            found |= {name: t.view(shape) for (name, shape), t in zip(shapes.items(), pieces, strict=True)}
    return found


def shard(model: nn.Module, average: AveragedModel | None, mesh: Any, by_blocks: bool = True) -> None:
    """Shard the weights of a network, and of their moving average, over the ranks of a mesh. They come to lie in the
    order of their dimensions, the only one that torch shards.

    Args:
        by_blocks: weights are gathered block by block, not all at once.
    """
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nothing is written into outputs
    for one in [model] if average is None else [model, average.module]:
        one.to(memory_format=torch.contiguous_format)
        for block in (*(blocks(one) if by_blocks else ()), one):
            fully_shard(block, mesh=mesh)
            for name in getattr(block, "forwards", ()):
                register_fsdp_forward_method(block, name)
    if average is not None:
        move_by_shares(average)


def blocks(model: nn.Module) -> list[nn.Module]:
    """The parts of a network in a row whose weights are gathered by themselves, while they are at work: those that have
    enough of them. What else of a block's methods uses its weights, it names in `forwards`."""
    least = sum(p.numel() for p in model.parameters()) / GROUPS

    def found(inside: nn.Module) -> Iterator[nn.Module]:
        for child in inside.children():
            if sum(p.numel() for p in child.parameters()) >= least:
                yield from [child] if isinstance(inside, nn.ModuleList | nn.Sequential) else found(child)

    return [*found(model)]


def replicated(model: nn.Module, mesh: Any) -> None:
    """Have the ranks of a mesh learn the same: gradients are added up over them after the backward pass. As torch's
    DistributedDataParallel, but of weights that are themselves shares."""
    from torch.distributed._composable.replicate_with_fsdp import replicate

    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")
    replicate(model.to(memory_format=torch.contiguous_format), mesh=mesh)


def move_by_shares(average: AveragedModel) -> None:
    """Have each rank move what it has of a moving average: torch's own takes all tensors together, whole ones and
    shares."""
    average.update_parameters = _updating(average)  # type: ignore[method-assign, assignment]


def _updating(average: AveragedModel) -> Callable[[nn.Module], None]:
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
