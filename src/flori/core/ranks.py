"""The processes that train one network together: which of them this one is, and what they tell each other.

torchrun starts them and says so in the environment; torch.distributed is how they talk, through gloo on processors and
NCCL on CUDA. What they say is JSON and tensors, nothing pickled. Importing this imports no torch.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flori.core.errors import UserError
from flori.core.launch import PAUSE, find_store, meet, take_the_way_to, unnamed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """One of `size` processes by its number from 0; the first writes, prints and decides. They are a `group` of
    torch.distributed; None: all that there are."""

    rank: int = 0
    size: int = 1
    group: Any = None

    def __deepcopy__(self, memo: Any) -> Ranks:
        return self  # a group of processes is no copy of another

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def alone(self) -> bool:
        return self.size == 1

    def aside(self, timeout: float) -> Ranks:
        """The same ranks as a group of their own, for what another thread says meanwhile. All have to ask."""
        if self.alone:
            return self
        return Ranks(self.rank, self.size, _torch().new_group(timeout=timedelta(seconds=timeout), backend="gloo"))

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if not self.alone:
            _torch().all_reduce(numbers, group=self.group)
        return numbers

    def largest(self, numbers: Tensor) -> Tensor:
        """The largest over all ranks, number by number, in place."""
        if not self.alone:
            _torch().all_reduce(numbers, _torch().ReduceOp.MAX, group=self.group)
        return numbers

    def gathered(self, document: Any) -> list[Any]:
        """What each rank says, in their order: anything that JSON holds exactly."""
        if self.alone:
            return [document]
        letters = _letters(json.dumps(document))
        sizes = [letters.new_zeros(1, dtype=_int64()) for _ in range(self.size)]
        _torch().all_gather(sizes, letters.new_full((1,), len(letters), dtype=_int64()), group=self.group)
        return [json.loads(bytes(one.tolist())) for one in self._side_by_side(letters, [int(n) for n in sizes])]

    def joined(self, tensor: Tensor) -> list[Tensor]:
        """The tensor of each rank, in their order: all of one type, of any shapes."""
        if self.alone:
            return [tensor]
        import torch

        shapes = self.gathered(list(tensor.shape))
        found = self._side_by_side(tensor.detach().flatten(), [math.prod(shape) for shape in shapes])
        return [one.view(torch.Size(shape)) for one, shape in zip(found, shapes, strict=True)]

    def _side_by_side(self, tensor: Tensor, sizes: list[int]) -> list[Tensor]:
        """Tensors of one dimension, as long as `sizes` says, from all ranks."""
        import torch

        padded = torch.nn.functional.pad(tensor, (0, max(sizes) - len(tensor)))
        found = [torch.empty_like(padded) for _ in sizes]
        _torch().all_gather(found, padded, group=self.group)
        return [one[:size] for one, size in zip(found, sizes, strict=True)]

    def decided(self, decide: Callable[[], Any]) -> Any:
        """What the first rank comes to, on all of them: anything that JSON holds. Its UserError is raised on all."""
        if self.alone:
            return decide()
        said: dict[str, Any] = {}
        if self.first:
            try:
                said = {"found": decide()}
            except UserError as problem:
                said = {"problem": str(problem)}
        said = self.gathered(said)[0]
        if "problem" in said:
            raise UserError(said["problem"])
        return said["found"]

    def part(self, count: int, least: int = 1) -> tuple[int, int]:
        """Where this rank's share of `count` rows begins and ends. Shares differ by one row at most and have `least`
        each, so that some ranks may have none: the last ones."""
        shares = max(1, min(self.size, count // least))
        if self.rank >= shares:
            return count, count
        each, more = divmod(count, shares)
        begin = self.rank * each + min(self.rank, more)
        return begin, begin + each + (self.rank < more)


ALONE = Ranks()
shared: list[Any] = []  # the store, once it is there: a place for words that outlives any rank


def launched() -> Ranks:
    """As torchrun started this process; alone if it did not."""
    if "TORCHELASTIC_RUN_ID" not in os.environ and "RANK" not in os.environ:
        return ALONE
    return Ranks(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))


def current() -> Ranks:
    """Those that are joined in a process group; alone if there is none."""
    if "torch" not in sys.modules or not _torch().is_available() or not _torch().is_initialized():
        return ALONE
    return Ranks(_torch().get_rank(), _torch().get_world_size())


@contextmanager
def joined(device: str, timeout: float) -> Iterator[Ranks]:
    """Within it the ranks that torchrun started are joined; one process alone joins nothing.

    Args:
        device: as in a recipe; processors talk by gloo, CUDA by NCCL.
        timeout: seconds after which a rank that does not answer counts as lost.
    """
    ranks, limit = launched(), timedelta(seconds=timeout)
    if ranks.alone or not current().alone:
        if unnamed():
            find_store(limit)
        yield current()
        return
    store = _store(ranks, limit)
    _torch().init_process_group(_backend(device), store=store, rank=ranks.rank, world_size=ranks.size, timeout=limit)
    yield ranks
    _leave(ranks, limit)
    _torch().destroy_process_group()  # not after a failure: it would wait for the others


def _leave(ranks: Ranks, limit: timedelta) -> None:
    """Go together, once the first has written what is left to write, however long that takes: should it be killed at
    that, those who had gone would not be started again with it."""
    store, others = shared[0], [f"left {rank}" for rank in range(1, ranks.size)]
    if ranks.first:
        store.set("done", "")
        store.wait(others, limit)
        return
    while not store.check(["done"]):
        time.sleep(PAUSE)
    store.set(f"left {ranks.rank}", "")


def give_up_within(timeout: float, *parts: Ranks) -> None:
    """Have groups of some ranks count one as lost after so many seconds, as all together do: by itself torch has them
    wait for half an hour."""
    named = hasattr(_torch(), "set_timeout")  # as from torch 2.14 on
    limit = _torch().set_timeout if named else _torch().distributed_c10d._set_pg_timeout
    for group in (part.group for part in parts if part.group is not None):
        limit(timedelta(seconds=timeout), group)


def _store(ranks: Ranks, limit: timedelta) -> Any:
    """What all ranks of this attempt can write to and read. torchrun keeps one store over its restarts, in which those
    who come later would find the addresses of those who have ended: so each attempt has its own part of it."""
    store = find_store(limit)
    attempt, addresses = meet(store, ranks.rank, ranks.size, limit)
    take_the_way_to(addresses)
    shared[:] = [_torch().PrefixStore(attempt, store)]
    return shared[0]


def _backend(device: str) -> str:
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return "gloo"
    local, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if local >= there:
        workers = os.environ.get("LOCAL_WORLD_SIZE", local + 1)
        raise UserError(f"{workers} workers on this machine, which has {there} GPUs: as many workers, or device=cpu")
    torch.cuda.set_device(local)
    return "cpu:gloo,cuda:nccl"


def _letters(text: str) -> Tensor:
    import torch

    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def _int64() -> Any:
    import torch

    return torch.int64


def _torch() -> Any:
    import torch.distributed

    return torch.distributed
