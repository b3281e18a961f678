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
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait

import torch
import torch.multiprocessing  # lets processes hand tensors over in shared memory
from torch import Tensor

from flori.core.errors import UserError
from flori.core.machine import cores
from flori.core.recipe import Data
from flori.data.draws import draw
from flori.data.picture_files import PictureFiles
from flori.data.pictures import unwarned

AHEAD = 2  # batches that a process may be ahead


@dataclass(frozen=True)
class Reading:
    """What is read, and how it is changed; without `options` not at all."""

    files: PictureFiles
    options: Data | None = None
    seed: int = 0
    epoch: int = 0

    def batch(self, index: Tensor, pool: Executor | None = None) -> Tensor:
        """The pictures of these numbers, uint8 [B, C, H, W]; by a pool of threads where there is one."""
        files, draws = self.files, None
        if self.options is not None:
            height, width = files.sizes[index].unbind(1)
            draws = draw(self.options, index, self.seed, self.epoch, height, width, files.size)
        return files.read(index, draws, pool.map if pool else map)


def streamed(reading: Reading, indices: Sequence[Tensor]) -> Generator[Tensor]:
    """The batches of these numbers, one after the other. Closing the generator ends the processes.

    With no workers, and for a single batch, threads of this process read when a batch is asked for.
    Raises UserError for a file that can be read no more, and for a process that ended.
    """
    workers = reading.files.workers
    count = min(cores() if workers is None else workers, len(indices))
    if count == 0 or len(indices) == 1:
        yield from _here(reading, indices)
        return
    if reading.options is not None:
        importlib.import_module("flori.data.changes")  # once, and not in each process anew: it takes a second
    pool = ProcessPoolExecutor(count, _context(), initializer=_begin, initargs=(reading,))
    try:
        yield from _ahead(pool, indices, count * AHEAD)
    except BrokenProcessPool:
        raise UserError(
            "a process that reads pictures was ended from outside, for want of memory perhaps; "
            "fewer of them (data.workers) or a smaller batch need less, data.workers=0 needs none"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _here(reading: Reading, indices: Sequence[Tensor]) -> Iterator[Tensor]:
    with ThreadPoolExecutor(cores()) as pool:
        for index in indices:
            with unwarned():
                batch = reading.batch(index, pool)
            yield batch


def _context() -> multiprocessing.context.BaseContext:
    """Forking where it is the custom: it takes no time, and asks for no ``if __name__ == "__main__"`` of the user."""
    return multiprocessing.get_context("fork" if sys.platform == "linux" else None)


def _ahead(pool: Executor, indices: Sequence[Tensor], count: int) -> Iterator[Tensor]:
    """The batches in order, `count` of them being read while one is used."""
    waiting = iter(indices)
    under_way: deque[Future[Tensor]] = deque(pool.submit(_read, index.tolist()) for index in islice(waiting, count))
    while under_way:
        batch = under_way.popleft().result()
        under_way += [pool.submit(_read, index.tolist()) for index in islice(waiting, 1)]
        yield batch


_reading: Reading  # in each process that reads, its own


def _begin(reading: Reading) -> None:
    """Make ready in a new process: one thread, Ctrl-C left to the process that trains, and an end when that ends."""
    global _reading
    _reading = reading
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


def _read(numbers: list[int]) -> Tensor:
    with unwarned():
        return _reading.batch(torch.tensor(numbers))
