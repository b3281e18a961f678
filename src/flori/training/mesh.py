"""The device mesh: which ranks share batches, and whatever else ranks may share. It is made here and nowhere else."""

from __future__ import annotations

from typing import Any

import torch

from flori.core.ranks import Ranks


def mesh_of(ranks: Ranks, device: torch.device) -> Any:
    """All ranks along one dimension, "data": each learns from its share of every batch."""
    from torch.distributed.device_mesh import init_device_mesh

    return init_device_mesh(device.type, (ranks.size,), mesh_dim_names=("data",))
