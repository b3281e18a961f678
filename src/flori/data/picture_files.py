"""Pictures that stay where they are kept, standing where the tensor of decoded ones would stand: read when needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flori.core.errors import UserError
from flori.core.machine import cores
from flori.data.draws import Draws
from flori.data.folders import Here, Kept
from flori.data.pictures import Checked, Source, check, decode, resize
from flori.data.shelves import FileShelf, Opener, Shelf, Texts

GAP = 2  # a JPEG comes at least so many times as large as wanted, so that making it smaller loses nothing visible
PIECE = 50


@dataclass(frozen=True)
class PictureFiles:
    """N pictures of a shelf, to be read at one size: as uint8 [N, C, H, W], but none is held in memory.

    Args:
        numbers: which of the shelf's they are, int64 [N].
        size: the height and width that all are read at.
        workers: processes that decode them ahead; None: one a core.
    """

    shelf: Shelf
    numbers: Tensor
    channels: int
    size: tuple[int, int]
    workers: int | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), self.channels, *self.size)

    def __getitem__(self, index: Tensor) -> PictureFiles:
        """The pictures of these numbers, int64 [n]."""
        return replace(self, numbers=self.numbers[index])

    def order(self, cuts: Sequence[int], seed: int, epoch: int) -> Tensor:
        """The order of an epoch in batches of these sizes, int64 [N]."""
        return self.shelf.order(self.numbers, cuts, seed, epoch)

    def fetched(self, index: Tensor, opener: Opener) -> list[Kept]:
        """The pictures of these numbers as they are kept."""
        return opener(self.numbers[index].tolist())

    def read(self, index: Tensor, opener: Opener | None = None, each: Callable[..., Any] = map) -> Tensor:
        """The pictures of these numbers, uint8 [n, C, H, W], as they are.

        Args:
            opener: of the shelf, where more will be read.
            each: does the work for each picture, as `map` does.

        Raises UserError that names a picture which can be read no more.
        """
        kept, sizes = self.fetched(index, opener or self.shelf.opener()), self.shelf.sizes(self.numbers[index])
        return decoded(kept, sizes, self.channels, self.size, each=each)


def decoded(
    kept: Sequence[Kept],
    sizes: Tensor | None,
    channels: int,
    size: tuple[int, int],
    draws: Draws | None = None,
    each: Callable[..., Any] = map,
) -> Tensor:
    """Pictures decoded, changed as drawn and made one size: uint8 [n, channels, *size].

    Args:
        sizes: height and width of each as it is, int64 [n, 2]; of pictures that are changed they are known.
        each: does the work for each picture, as `map` does.
    """

    def picture(place: int) -> Tensor:
        whole = None if sizes is None else (int(sizes[place, 0]), int(sizes[place, 1]))
        return _picture(kept[place], whole, channels, size, draws, place)

    return torch.stack(list(each(picture, range(len(kept)))))


def _picture(
    kept: Kept, whole: tuple[int, int] | None, channels: int, size: tuple[int, int], draws: Draws | None, place: int
) -> Tensor:
    try:
        if draws is None or whole is None:
            image = decode(kept.source, channels, (GAP * size[0], GAP * size[1]))
            return resize(image[None], size)[0]
        piece = draws.box[place, 2:].tolist()
        least = tuple(-(-GAP * side * all_ // part) for side, all_, part in zip(size, whole, piece, strict=True))
        image = decode(kept.source, channels, (least[0], least[1]))
    except ValueError as problem:
        since = ", though it was good when the data was looked at; put it back" if kept.content is None else ""
        raise UserError(f"{kept.name}: {problem}{since}") from None
    from flori.data.changes import changed  # brings torchvision's transforms

    return changed(image, draws, place, whole, size)


Taken = Tensor | Checked


def taken(source: Source, channels: int, size: tuple[int, int] | None, held: bool) -> Taken | str:
    """A picture to be held in memory, or to stay on disk: then it is only made sure that it is good; or what is wrong
    with it."""
    try:
        if not held:
            return check(source, channels)
        image = decode(source, channels, size and (GAP * size[0], GAP * size[1]))
        return resize(image[None], size)[0] if size else image
    except ValueError as problem:
        return str(problem)


def together(paths: Sequence[Path], pictures: Sequence[Taken], size: tuple[int, int]) -> Tensor | PictureFiles:
    """Files of any folders that were taken, alike in memory or not."""
    found = [picture for picture in pictures if isinstance(picture, Checked)]
    if not found:
        return torch.stack([picture for picture in pictures if isinstance(picture, Tensor)])
    sizes = np.array([one.shape[1:] for one in found], np.int32)
    hashes = np.frombuffer(b"".join(one.digest for one in found), np.uint8).reshape(len(found), -1)
    shelf = FileShelf(Here(Path("/")), Texts.of(str(path.absolute()) for path in paths), sizes, hashes)
    return PictureFiles(shelf, torch.arange(len(found)), found[0].shape[0], size)


def resized(images: Tensor | PictureFiles, size: tuple[int, int]) -> Tensor | PictureFiles:
    """Pictures made, or to be read, at another height and width."""
    return replace(images, size=size) if isinstance(images, PictureFiles) else resize(images, size)


def in_memory(images: Tensor | PictureFiles) -> Tensor:
    """Pictures as a tensor: for a few of a set."""
    if isinstance(images, Tensor):
        return images
    with ThreadPoolExecutor(cores()) as pool:
        return images.read(torch.arange(len(images)), each=pool.map)


def sampled(images: Tensor | PictureFiles, seed: int) -> Iterator[Tensor]:
    """Pictures to measure, piece by piece: all that are in memory, or of others at most 2,000, chosen by the seed."""
    if isinstance(images, Tensor):
        yield images
        return
    opener = images.shelf.opener()
    with ThreadPoolExecutor(cores()) as pool:
        for piece in images.shelf.sample(images.numbers, seed).split(PIECE):
            yield images.read(piece, opener, pool.map)


def content(inputs: Tensor | PictureFiles) -> bytes:
    """A hash of examples: of the numbers in memory, or of what the pictures are known by as found at the start."""
    if isinstance(inputs, PictureFiles):
        whole: Any = inputs.shelf.content(inputs.numbers)
    else:
        whole = inputs.contiguous().numpy().data
    return hashlib.blake2b(whole, digest_size=16).digest()
