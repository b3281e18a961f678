"""What keeps pictures that are not held in memory: files of a folder, here or behind an address, or rows of tables.

A worker keeps no list of them: names, sizes and hashes are arrays that all processes map from one file.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.core import seeds
from flori.data.folders import Folder, Kept

SAMPLE = 2000  # pictures that stand for all where they are measured


Opener = Callable[[Sequence[int]], list[Kept]]
"""Fetches pictures by their numbers, and keeps what the next ones may need."""


class Shelf(Protocol):
    """Pictures by their numbers from 0 on."""

    def name(self, number: int) -> str:
        """What a picture is called in answers and reports."""

    def sizes(self, numbers: Tensor) -> Tensor | None:
        """Height and width of pictures as they are, upright, int64 [n, 2]; None where only they themselves say it."""

    def opener(self) -> Opener: ...

    def content(self, numbers: Tensor) -> bytes:
        """What these pictures are known by, to notice that they changed."""

    def digests(self, numbers: Tensor) -> Iterator[bytes] | None:
        """A hash of each picture, where one is known."""

    def order(self, numbers: Tensor, cuts: Sequence[int], seed: int, epoch: int) -> Tensor:
        """The order of pictures in an epoch of batches of these sizes: places in `numbers`, int64 [n]."""

    def sample(self, numbers: Tensor, seed: int) -> Tensor:
        """At most 2,000 of the pictures to be measured: places in `numbers`, ascending."""


class Names(Sequence[str]):
    """The names of some pictures of a shelf, each made when it is asked for."""

    def __init__(self, name: Callable[[int], str], numbers: Tensor) -> None:
        self._name, self._numbers = name, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Names: ...
    def __getitem__(self, place: int | slice) -> str | Names:
        if isinstance(place, slice):
            return Names(self._name, self._numbers[place])
        return self._name(int(self._numbers[place]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def take(self, index: Tensor) -> Names:
        """Those at some places."""
        return Names(self._name, self._numbers[index])


def names_at(names: Sequence[str], index: Tensor) -> Sequence[str]:
    """The names at some places."""
    return names.take(index) if isinstance(names, Names) else [names[i] for i in index.tolist()]


@dataclass(frozen=True)
class Texts:
    """Texts in one array: uint8 letters, and where each ends, int64 [N]."""

    letters: NDArray[np.uint8]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, number: int) -> str:
        start = int(self.ends[number - 1]) if number else 0
        return self.letters[start : int(self.ends[number])].tobytes().decode("utf-8", "surrogateescape")

    @staticmethod
    def of(texts: Iterable[str]) -> Texts:
        """These texts."""
        letters, ends = bytearray(), array("q")
        for text in texts:
            letters += text.encode("utf-8", "surrogateescape")
            ends.append(len(letters))
        return Texts(np.frombuffer(letters, np.uint8), np.frombuffer(ends, np.int64))


@dataclass(frozen=True)
class FileShelf:
    """Good picture files of a folder: `sizes_` int32 [N, 2], `hashes` of their content uint8 [N, 16]."""

    folder: Folder
    texts: Texts
    sizes_: NDArray[np.int32]
    hashes: NDArray[np.uint8]

    def name(self, number: int) -> str:
        return self.texts[number]

    def sizes(self, numbers: Tensor) -> Tensor:
        return torch.from_numpy(self.sizes_[numbers.numpy()].astype(np.int64))

    def opener(self) -> Opener:
        return lambda numbers: self.folder.fetched([self.texts[number] for number in numbers])

    def content(self, numbers: Tensor) -> bytes:
        return self.hashes[numbers.numpy()].tobytes()

    def digests(self, numbers: Tensor) -> Iterator[bytes]:
        return (self.hashes[number].tobytes() for number in numbers.tolist())

    def order(self, numbers: Tensor, cuts: Sequence[int], seed: int, epoch: int) -> Tensor:
        return seeds.order(seed, epoch, len(numbers))

    def sample(self, numbers: Tensor, seed: int) -> Tensor:
        drawn = torch.randperm(len(numbers), generator=seeds.generator(seed, "sample"))
        return drawn[:SAMPLE].sort().values
