"""Pictures that stay on disk, standing where the tensor of decoded ones would stand: read when they are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.errors import Fault, UserError
from flori.core.machine import cores
from flori.data.draws import Draws
from flori.data.pictures import Checked, check, decode, resize

GAP = 2  # a JPEG comes at least so many times as large as wanted, so that making it smaller loses nothing visible
SAMPLE, PIECE = 2000, 50


@dataclass(frozen=True)
class PictureFiles:
    """N good picture files, to be read at one size: as uint8 [N, C, H, W], but none is held in memory.

    Args:
        sizes: height and width of each picture as it is, upright, int64 [N, 2].
        digests: a hash of each file's content when it was found good.
        size: the height and width that all are read at.
        workers: processes that read them ahead; None: one a core.
    """

    paths: list[str]
    sizes: Tensor
    digests: list[bytes]
    channels: int
    size: tuple[int, int]
    workers: int | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), self.channels, *self.size)

    def __getitem__(self, index: Tensor) -> PictureFiles:
        """The files of these numbers, int64 [n]."""
        numbers = index.tolist()
        paths, digests = [self.paths[i] for i in numbers], [self.digests[i] for i in numbers]
        return replace(self, paths=paths, sizes=self.sizes[index], digests=digests)

    def read(self, index: Tensor, draws: Draws | None = None, each: Callable[..., Any] = map) -> Tensor:
        """The pictures of these numbers, uint8 [n, C, H, W], changed as drawn.

        Args:
            each: does the work for each picture, as `map` does.

        Raises UserError that names a file which can be read no more.
        """
        numbers = index.tolist()
        places = range(len(numbers))
        return torch.stack(list(each(lambda place: self._picture(numbers[place], draws, place), places)))

    def _picture(self, number: int, draws: Draws | None, place: int) -> Tensor:
        whole = self.sizes[number].tolist()
        piece = draws.box[place, 2:].tolist() if draws else whole
        least = tuple(-(-GAP * side * all_ // part) for side, all_, part in zip(self.size, whole, piece, strict=True))
        try:
            image = decode(Path(self.paths[number]), self.channels, (least[0], least[1]))
        except ValueError as problem:
            raise UserError(
                f"{self.paths[number]}: {problem}, though it was good when the data was looked at; put it back"
            ) from None
        if draws is None:
            return resize(image[None], self.size)[0]
        from flori.data.changes import changed  # brings torchvision's transforms

        return changed(image, draws, place, (whole[0], whole[1]), self.size)


Taken = Tensor | Checked


def taken(path: Path, channels: int, size: tuple[int, int] | None, held: bool) -> Taken | Fault:
    """A picture to be held in memory, or to stay on disk: then it is only made sure that it is good."""
    try:
        if not held:
            return check(path, channels)
        image = decode(path, channels, size and (GAP * size[0], GAP * size[1]))
        return resize(image[None], size)[0] if size else image
    except ValueError as problem:
        return Fault(str(path), str(problem))


def together(pictures: list[Taken], size: tuple[int, int] | None, workers: int | None = None) -> Tensor | PictureFiles:
    """All that was taken, alike in memory or not; without a size it is their own."""
    files = [found for found in pictures if isinstance(found, Checked)]
    if not files:
        return torch.stack([found for found in pictures if isinstance(found, Tensor)])
    channels, *whole = files[0].shape
    sizes = torch.tensor([file.shape[1:] for file in files])
    paths, digests = [file.path for file in files], [file.digest for file in files]
    return PictureFiles(paths, sizes, digests, channels, size or (whole[0], whole[1]), workers)


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
    """Pictures to measure, piece by piece: all that are in memory, or of files at most 2,000, chosen by the seed."""
    if isinstance(images, Tensor):
        yield images
        return
    chosen = torch.randperm(len(images), generator=seeds.generator(seed, "sample"))[:SAMPLE].sort().values
    for piece in chosen.split(PIECE):
        yield in_memory(images[piece])


def content(inputs: Tensor | PictureFiles) -> bytes:
    """A hash of examples: of the numbers in memory, or of the files' content as it was found at the start."""
    whole = b"".join(inputs.digests) if isinstance(inputs, PictureFiles) else inputs.contiguous().numpy().data
    return hashlib.blake2b(whole, digest_size=16).digest()
