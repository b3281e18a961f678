"""Tensors that several ranks write side by side and any number of ranks reads: torch.distributed.checkpoint.

Its own format keeps what is where in a pickle; that of Hugging Face keeps it in the headers of safetensors files, and
takes any tensors, an optimiser's too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from flori.core.ranks import Ranks

Like = Callable[[str, torch.Size, torch.dtype], Tensor | None]
"""An empty tensor to read into, by name, shape of the whole, and type: all of it, or a rank's share; None: not read."""


def whole(name: str, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """All of it."""
    return torch.empty(shape, dtype=dtype)


def write_together(folder: Path, tensors: dict[str, Tensor], ranks: Ranks) -> None:
    """Each rank writes a file into the folder: its shares, and of what all have alike a part. Raises OSError on all
    ranks where one cannot."""
    import torch.distributed.checkpoint as checkpoint

    writer = checkpoint.HuggingFaceStorageWriter(str(folder), save_distributed=True)
    try:
        checkpoint.save(tensors, storage_writer=writer, process_group=ranks.group)
    except checkpoint.CheckpointException as problem:
        faults = [one for one, _ in problem.failures.values() if isinstance(one, OSError)]
        raise (faults[0] if faults else RuntimeError(str(problem))) from None


def read_together(folder: Path, ranks: Ranks, like: Like) -> dict[str, Tensor]:
    """The tensors in a folder, into what each is to be `like`."""
    import torch.distributed.checkpoint as checkpoint

    found = checkpoint.HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    wanted = {name: like(name, t.size, t.properties.dtype) for name, t in found.items()}  # type: ignore[union-attr]
    tensors = {name: t for name, t in wanted.items() if t is not None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # one process alone: so it is
        reader = checkpoint.HuggingFaceStorageReader(str(folder))
        checkpoint.load(tensors, storage_reader=reader, no_dist=ranks.alone)
    return tensors
