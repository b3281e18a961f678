"""The device mesh: how ranks stand to each other. It is made here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from flori.core.errors import UserError
from flori.core.ranks import ALONE, Ranks
from flori.core.recipe import Parallel


@dataclass(frozen=True)
class Order:
    """All ranks, and those among them that share something with this one.

    Args:
        data: those that hold the same as this one, and learn from other examples.
        tensor: those that learn from the same examples, and divide layers with this one.
        stages: those that learn from the same examples, and hold other layers (where layers are divided too, the same
            shares of them).
        mesh: torch's device mesh of them; None for one process alone.
    """

    ranks: Ranks = ALONE
    data: Ranks = ALONE
    tensor: Ranks = ALONE
    stages: Ranks = ALONE
    mesh: Any = None

    @property
    def drawn(self) -> int:
        """By which number this rank draws what is left out: those who divide a layer draw alike."""
        return self.data.rank * self.stages.size + self.stages.rank


ALL_ALONE = Order()


def ordered(ranks: Ranks, device: torch.device, options: Parallel) -> Order:
    """The ranks as a recipe has them stand: along "data", and along "pipeline" and "tensor" where it asks for these.

    Raises UserError where their number does not suit.
    """
    if ranks.alone:
        return ALL_ALONE
    from torch.distributed.device_mesh import init_device_mesh

    wanted = {"pipeline": options.pipeline, "tensor": options.tensor}  # who divide layers talk most: side by side
    more = {name: size for name, size in wanted.items() if size > 1}
    _must_be_possible(ranks.size, more, options)
    sizes = {"data": ranks.size // math.prod(more.values()), **more}
    mesh = init_device_mesh(device.type, tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    along = {name: Ranks(mesh.get_local_rank(name), size, mesh.get_group(name)) for name, size in sizes.items()}
    return Order(ranks, along["data"], along.get("tensor", ALONE), along.get("pipeline", ALONE), mesh)


def _must_be_possible(workers: int, more: dict[str, int], options: Parallel) -> None:
    said, group = " and ".join(f"parallel.{name}={size}" for name, size in more.items()), math.prod(more.values())
    if workers % group:
        what = f"{said} {'takes' if len(more) == 1 else 'take'} workers in groups of {group}, and there are {workers}"
        raise UserError(f"{what}; torchrun --nproc-per-node={group * max(1, workers // group)} starts as many")
    if (options.strategy == "async" and more) or (options.strategy == "shard" and "tensor" in more):
        what = f"parallel={options.strategy} and {said} do not go together"
        raise UserError(f"{what}; take one of them, or parallel=data")
