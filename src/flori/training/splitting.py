"""Layers that several ranks divide among them (tensor parallelism; Shoeybi et al., "Megatron-LM", 2019), by torch's
DTensor.

A network names in `splits` what can be divided, and how:

columns   of a dense layer each rank has some of the units,
rows      of the one behind it the weights of those: what it makes of them is added up over ranks,
dropout   between the two leaves out the same units as undivided,
heads     attention, of which each rank has whole heads.

All else every rank does alike. DTensor divides no channels of convolutions.
"""

from __future__ import annotations

from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.distributed.tensor.placement_types import _StridedShard

from flori.core.errors import UserError


def split(model: nn.Module, mesh: Any, system: str) -> None:
    """Divide a network over the ranks of a mesh of one dimension, in place. Raises UserError where nothing divides."""
    styles = {"columns": ColwiseParallel, "rows": RowwiseParallel, "heads": Heads, "dropout": Drawn}
    plan = {name: styles[kind]() for name, kind in divisible(model, mesh.size()).items()}
    if not plan:
        raise UserError(f"parallel.tensor={mesh.size()}: {_why_not(model, system)}; parallel=data shares batches")
    parallelize_module(model, mesh, plan, src_data_rank=None)  # all ranks began with the same weights
    for name in plan:
        for layer in model.get_submodule(name.rpartition(".")[0]).children():
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # what a divided layer puts out is a view of a DTensor


def divisible(model: nn.Module, ranks: int) -> dict[str, str]:
    """What of a network's `splits` comes out even for so many ranks."""
    found, even = {}, False
    for name, kind in getattr(model, "splits", {}).items():
        layer = cast(Any, model.get_submodule(name))
        if kind == "heads":
            even = layer.heads % ranks == 0
        elif kind == "columns":
            even = layer.out_features % ranks == 0
        if even:
            found[name] = kind
    return found


def _why_not(model: nn.Module, system: str) -> str:
    if not getattr(model, "splits", {}):
        return f"{system} has no attention and no two dense layers, one behind the other, that could be divided"
    return f"neither the heads nor the hidden units of this {system} come out even"


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
