"""Batches of pictures read from files ahead of their use, by processes of their own.

What a picture becomes depends on (seed, epoch, example) alone: the number of processes changes nothing but the speed.
A pool of processes and not torch's DataLoader, because a process that dies must be told here, where the next batch is
asked for, and not by a signal in the middle of a step; and so that a bad file's error arrives as it was raised.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait
from typing import Any

import torch
import torch.multiprocessing  # lets processes hand tensors over in shared memory
from torch import Tensor

from flori.core.errors import UserError
from flori.core.machine import cores
from flori.core.recipe import Data
from flori.data.draws import draw
from flori.data.folders import Kept
from flori.data.picture_files import PictureFiles, decoded
from flori.data.pictures import unwarned, upright_size
from flori.data.shelves import Opener

AHEAD = 2  # batches that a process may be ahead


@dataclass(frozen=True)
class Job:
    """Pictures to be decoded for a batch: their numbers, as they are kept, and their sizes where these are known."""

    numbers: list[int]
    kept: list[Kept]
    sizes: Tensor | None


@dataclass(frozen=True)
class Plan:
    """What becomes of pictures: all that who decodes them needs to know. Without `options` they are not changed."""

    channels: int
    size: tuple[int, int]
    options: Data | None
    seed: int
    epoch: int

    def batch(self, job: Job, each: Callable[..., Any] = map) -> Tensor:
        """The pictures of a job, uint8 [B, C, H, W]; `each` does the work for each of them, as `map` does."""
        sizes, draws = job.sizes, None
        if self.options is not None:
            sizes = torch.tensor([_size(kept) for kept in job.kept]) if sizes is None else sizes
            height, width = sizes.unbind(1)
            draws = draw(self.options, torch.tensor(job.numbers), self.seed, self.epoch, height, width, self.size)
        return decoded(job.kept, sizes, self.channels, self.size, draws, each)


def _size(kept: Kept) -> tuple[int, int]:
    try:
        return upright_size(kept.source)
    except ValueError as problem:
        raise UserError(f"{kept.name}: {problem}") from None


@dataclass(frozen=True)
class Reading:
    """What is read, and how it is changed; without `options` not at all."""

    files: PictureFiles
    options: Data | None = None
    seed: int = 0
    epoch: int = 0

    @property
    def plan(self) -> Plan:
        return Plan(self.files.channels, self.files.size, self.options, self.seed, self.epoch)

    def job(self, index: Tensor, opener: Opener) -> Job:
        """The pictures of these numbers, fetched."""
        sizes = self.files.shelf.sizes(self.files.numbers[index])
        return Job(index.tolist(), self.files.fetched(index, opener), sizes)


def streamed(reading: Reading, indices: Sequence[Tensor]) -> Generator[Tensor]:
    """The batches of these numbers, one after the other. Closing the generator ends the processes.

    Pictures are fetched by a thread of this process, so that each row group and each connection is opened once, and
    decoded by others. With no workers, and for a single batch, threads of this process do all when a batch is asked
    for. Raises UserError for a picture that can be read no more, and for a process that ended.
    """
    workers = reading.files.workers
    count = min(cores() if workers is None else workers, len(indices))
    if count == 0 or len(indices) == 1:
        yield from _here(reading, indices)
        return
    if reading.options is not None:
        importlib.import_module("flori.data.changes")  # once, and not in each process anew: it takes a second
    pool = ProcessPoolExecutor(count, _context(), initializer=_begin, initargs=(reading.plan,))
    fetcher = ThreadPoolExecutor(1)
    try:
        pool.submit(_nothing).result()  # the processes begin now, while this one has no thread that fetches
        yield from _ahead(pool, fetcher, reading, indices, count * AHEAD)
    except BrokenProcessPool:
        raise UserError(
            "a process that reads pictures was ended from outside, for want of memory perhaps; "
            "fewer of them (data.workers) or a smaller batch need less, data.workers=0 needs none"
        ) from None
    finally:
        fetcher.shutdown(cancel_futures=True)
        pool.shutdown(cancel_futures=True)


def _here(reading: Reading, indices: Sequence[Tensor]) -> Iterator[Tensor]:
    opener = reading.files.shelf.opener()
    with ThreadPoolExecutor(cores()) as pool:
        for index in indices:
            with unwarned():
                batch = reading.plan.batch(reading.job(index, opener), pool.map)
            yield batch


def _context() -> multiprocessing.context.BaseContext:
    """Forking where it is the custom: it takes no time, and asks for no ``if __name__ == "__main__"`` of the user."""
    return multiprocessing.get_context("fork" if sys.platform == "linux" else None)


def _ahead(
    pool: Executor, fetcher: Executor, reading: Reading, indices: Sequence[Tensor], count: int
) -> Iterator[Tensor]:
    """The batches in order, `count` of them being fetched and decoded while one is used."""
    opener = reading.files.shelf.opener()

    def begin(index: Tensor) -> Future[Tensor]:
        return pool.submit(_decode, reading.job(index, opener))

    waiting = iter(indices)
    under_way = deque(fetcher.submit(begin, index) for index in islice(waiting, count))
    while under_way:
        batch = under_way.popleft().result().result()
        under_way += [fetcher.submit(begin, index) for index in islice(waiting, 1)]
        yield batch


_plan: Plan  # in each process that decodes, its own


def _nothing() -> None:
    """What a pool is begun with."""


def _begin(plan: Plan) -> None:
    """Make ready in a new process: one thread, Ctrl-C left to the process that trains, and an end when that ends."""
    global _plan
    _plan = plan
    gc.freeze()  # looking through what came from the parent would copy every page of it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _decode(job: Job) -> Tensor:
    with unwarned():
        return _plan.batch(job)
