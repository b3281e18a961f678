"""Convolutions whose channels several ranks divide among them (as dense layers in Shoeybi et al., "Megatron-LM", 2019).

    columns   y_o = Σ_c W_oc ∗ x_c + b_o for the channels o that a rank has, from all channels c that go in,
    norm      of the batch, channel by channel: each rank those that it has,
    rows      z_p = Σ_o V_po ∗ y_o + a_p, of which each rank makes the terms of its own o; their sum is over ranks.

Weights are kept as DTensors, which know what of them each rank has. As DTensor convolves whole tensors only, layers
work on plain ones: a rank's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ParallelStyle

from flori.training.sharding import is_sharded, local


class Columns(ParallelStyle):
    """A convolution of which each rank makes some of the channels: [N, C, H, W] → [N, O/ranks, H', W']."""

    def _apply(self, module: nn.Module, device_mesh: Any) -> nn.Module:
        return _by_own(module, device_mesh, lambda x: _alike(x, device_mesh))


class Norm(ParallelStyle):
    """Batch norm of a rank's own channels, whatever its kind: [N, O/ranks, H, W] → the same."""

    def _apply(self, module: nn.Module, device_mesh: Any) -> nn.Module:
        return _by_own(module, device_mesh, lambda x: x)


class Rows(ParallelStyle):
    """A convolution of some of the channels by each rank, added up: [N, C/ranks, H, W] → [N, O, H', W']."""

    def _apply(self, module: nn.Module, device_mesh: Any) -> nn.Module:
        add_up(module, device_mesh, Shard(1))
        added = module.forward

        def forward(x: Tensor) -> Tensor:
            y, bias = added(x), cast(Tensor | None, module.bias)
            return y if bias is None else y + bias.to(y.dtype).view(-1, 1, 1)  # once, not by every rank

        module.forward = forward
        return module


def _by_own(layer: nn.Module, mesh: Any, given: Callable[[Tensor], Tensor]) -> nn.Module:
    """Have a layer make what a rank's own channels are, of what it is `given` for its inputs."""
    _divide(layer, mesh, Shard(0))
    make = layer.forward

    def forward(x: Tensor) -> Tensor:
        with _own(layer):
            return cast(Tensor, make(given(x)))

    layer.forward = forward
    return layer


def add_up(layer: nn.Module, mesh: Any, layout: Any) -> None:
    """Have a layer add up over ranks what each makes of its share of the inputs, and leave out the bias."""
    _divide(layer, mesh, layout)
    make = layer.forward

    def forward(x: Tensor) -> Tensor:
        with _own(layer, bias=None):
            return _summed(make(x), mesh)

    layer.forward = forward


def _divide(layer: nn.Module, mesh: Any, layout: Any) -> None:
    """Leave each rank a share of a layer's tensors, of those that have the dimension of the layout. They come to lie in
    the order of their dimensions, in which shares are put together again."""
    tables: Any = (layer._parameters, layer._buffers)
    for table in tables:
        for name, t in table.items():
            if t is not None and t.dim() > layout.dim:
                mine = distribute_tensor(t.detach().contiguous(), mesh, [layout], src_data_rank=None)
                table[name] = nn.Parameter(mine, t.requires_grad) if isinstance(t, nn.Parameter) else mine


@contextmanager
def _own(layer: nn.Module, **others: Tensor | None) -> Iterator[None]:
    """Within it a layer has this rank's shares as plain tensors, through which gradients reach the whole ones; and
    `others` in place of its parameters."""
    tables: Any = (layer._parameters, layer._buffers)
    kept = [dict(table) for table in tables]
    for table in tables:
        table.update({name: local(t) for name, t in table.items() if t is not None and is_sharded(t)})
    layer._parameters.update(cast(Any, others))
    try:
        yield
    finally:
        for table, before in zip(tables, kept, strict=True):
            table.update(before)


def _alike(x: Tensor, mesh: Any) -> Tensor:
    """What all ranks have alike; its gradient is the sum of theirs."""
    laid = DTensor.from_local(x, mesh, [Replicate()], run_check=False)
    return laid.to_local(grad_placements=[Partial()])


def _summed(x: Tensor, mesh: Any) -> Tensor:
    """The sum over ranks; its gradient is that of each term."""
    laid = DTensor.from_local(x, mesh, [Partial()], run_check=False)
    return laid.redistribute(placements=[Replicate()]).to_local()
