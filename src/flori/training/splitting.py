"""Layers that several ranks divide among them (tensor parallelism; Shoeybi et al., "Megatron-LM", 2019), by torch's
DTensor.

A network names in `splits` what can be divided, and how:

columns   of a dense layer each rank has some of the units, of a convolution some of the channels,
rows      of the one behind it the weights of those: what it makes of them is added up over ranks,
dropout   between the two leaves out the same units as undivided,
norm      between the two is each rank's own channels' (`flori.training.channels` for this and convolutions),
heads     attention, of which each rank has whole heads,
grams     tables of n-grams, of whose vectors each rank has some of the numbers; what is made of them is added up.

All else every rank does alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.distributed.tensor.placement_types import _StridedShard

from flori.core.errors import UserError
from flori.training import channels


def split(model: nn.Module, mesh: Any, kinds: Mapping[str, str]) -> None:
    """Divide layers of a network over the ranks of a mesh of one dimension, in place: each by its kind, by name."""
    plan = {name: _style(model.get_submodule(name), kind) for name, kind in kinds.items()}
    parallelize_module(model, mesh, plan, src_data_rank=None)  # all ranks began with the same weights
    for name in plan:
        for layer in model.get_submodule(name.rpartition(".")[0]).children():
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # what a divided layer puts out is a view of a DTensor


def _style(layer: nn.Module, kind: str) -> ParallelStyle:
    if isinstance(layer, nn.Conv2d):
        return channels.Columns() if kind == "columns" else channels.Rows()
    styles = {"columns": ColwiseParallel, "rows": RowwiseParallel, "heads": Heads, "grams": Tables}
    return {**styles, "dropout": Drawn, "norm": channels.Norm}[kind]()


def divisible(model: nn.Module, ranks: int, held: Callable[[str], bool] = lambda name: True) -> dict[str, str]:
    """What of a network's `splits` comes out even for so many ranks, of the layers that are `held` together."""
    return {
        name: kind
        for group in _groups(getattr(model, "splits", {}))
        if all(map(held, group)) and _outputs(model.get_submodule(next(iter(group)))) % ranks == 0
        for name, kind in group.items()
    }


def _groups(splits: Mapping[str, str]) -> list[dict[str, str]]:
    """What can only be divided together: from columns to their rows, each attention, all tables."""
    found: list[dict[str, str]] = []
    for name, kind in splits.items():
        found += [{}] if kind in ("columns", "heads", "grams") else []
        found[-1][name] = kind
    return found


def _outputs(layer: Any) -> int:
    """By how many outputs a layer can be divided: heads, channels, units, or numbers of a vector."""
    names = ("heads", "out_channels", "out_features", "features")
    return int(next(getattr(layer, name) for name in names if hasattr(layer, name)))


def must_divide(found: Mapping[str, str], model: nn.Module, ranks: int, system: str) -> None:
    """Raises UserError where nothing of a network was found that comes out even for so many ranks."""
    if found:
        return
    what = f"this {system} has no heads, hidden units or channels that come out even"
    if not getattr(model, "splits", {}):
        what = f"{system} has no attention, and no two dense layers or convolutions that could be divided together"
    raise UserError(f"parallel.tensor={ranks}: {what}; parallel=data shares batches")


class Fused(ColwiseParallel):
    """A dense layer that makes several things at once, each of which is divided: its rows lie in so many `parts`."""

    def __init__(self, parts: int) -> None:
        super().__init__(output_layouts=_StridedShard(-1, split_factor=parts))
        self.parts = parts

    def _partition_linear_fn(self, name: str, module: nn.Module, device_mesh: Any) -> None:
        layout = [_StridedShard(0, split_factor=self.parts)]
        for own, p in [*module.named_parameters(recurse=False)]:
            mine = distribute_tensor(p.detach(), device_mesh, layout, src_data_rank=None)
            module.register_parameter(own, nn.Parameter(mine, p.requires_grad))


class Heads(ParallelStyle):
    """Attention: queries, keys and values of each rank's own heads, however they are projected."""

    def _apply(self, module: nn.Module, device_mesh: Any) -> nn.Module:
        attention = cast(Any, module)
        attention.heads //= device_mesh.size()
        width = attention.out_proj.in_features
        for name, layer in module.named_children():
            parts = cast(Any, layer).out_features // width
            style = RowwiseParallel() if name == "out_proj" else ColwiseParallel() if parts == 1 else Fused(parts)
            parallelize_module(layer, device_mesh, style, src_data_rank=None)
        return module


class Tables(ParallelStyle):
    """Vectors of n-grams of several lengths, side by side, and what a dense layer without bias makes of them: of all
    of them each rank has the same numbers."""

    def _apply(self, module: nn.Module, device_mesh: Any) -> nn.Module:
        grams = cast(Any, module)
        for table in grams.tables:
            parallelize_module(table, device_mesh, ColwiseParallel(), src_data_rank=None)
        channels.add_up(grams.mix, device_mesh, _StridedShard(1, split_factor=len(grams.tables)))
        return module


class Drawn(ParallelStyle):
    """Dropout of a rank's own units, which draws for those of all ranks, as these do."""

    def _apply(self, module: nn.Module, device_mesh: Any) -> nn.Module:
        layer = cast(nn.Dropout, module)

        def forward(x: Tensor) -> Tensor:
            if not layer.training or layer.p == 0:
                return x
            ranks = device_mesh.size()
            kept = F.dropout(x.new_ones(*x.shape[:-1], ranks * x.shape[-1]), layer.p)
            return x * kept.chunk(ranks, -1)[device_mesh.get_local_rank()]

        module.forward = forward
        return module
