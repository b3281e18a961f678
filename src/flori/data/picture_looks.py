"""A look at every file of a folder of pictures, before anything is learnt from: what they have in common, which of them
differ, and which cannot be decoded. What is wrong is collected with the file's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from flori.core.errors import Fault, Faults, UserError
from flori.data.folders import Elsewhere
from flori.data.picture_files import Taken, taken
from flori.data.picture_listing import Listing
from flori.data.pictures import Checked, Header, read_header
from flori.data.progress import each_picture

FEW = 8  # sizes: so few are taken for slips among pictures of one size
USUAL = 224  # pixels that photographs are usually learnt at


@dataclass(frozen=True)
class Asked:
    """What all pictures are to be made like, and what is done with bad ones, as in a recipe."""

    size: int | None
    channels: int | None
    on_bad: str


@dataclass(frozen=True)
class Reference:
    """What all pictures must be alike in: the commonest size, or that asked for."""

    width: int
    height: int
    channels: int
    asked: Asked

    @property
    def both_sides(self) -> tuple[int, int] | None:
        """Height and width that all are made; None where they must have one."""
        return None if self.asked.size is None else (self.asked.size, self.asked.size)

    @property
    def bytes_each(self) -> int:
        """What a decoded picture takes."""
        height, width = self.both_sides or (self.height, self.width)
        return self.channels * height * width


@dataclass(frozen=True)
class Looked:
    """Which files of a listing, by number, are alike by their headers; `faults` has what is wrong with the others."""

    listing: Listing
    good: NDArray[np.int64]
    reference: Reference
    faults: Faults

    @property
    def bytes(self) -> int:
        """What all of them take in memory."""
        return len(self.good) * self.reference.bytes_each


def looked_at(listing: Listing, faults: Faults, asked: Asked) -> Looked:
    """The headers of all files read and compared. Raises UserError where they are of many sizes, or none is good."""
    width, height, grey = (np.zeros(len(listing), np.int32) for _ in range(3))
    for number, seen in each_picture(range(len(listing)), lambda number: _header(listing, number)):
        if isinstance(seen, Header):
            width[number], height[number], grey[number] = seen.width, seen.height, seen.grey
        else:
            faults.found.append(Fault(listing.shown(number), seen))
    good = np.flatnonzero(width)
    if not len(good):
        faults.stop_if_any("the folder")
    sizes = Counter(zip(width[good].tolist(), height[good].tolist(), strict=True))
    ((usual, _),) = sizes.most_common(1)
    mostly_grey = Counter(grey[good].tolist()).most_common(1)[0][0]
    reference = Reference(*usual, asked.channels or (1 if mostly_grey else 3), asked)
    if asked.on_bad == "stop":
        _refuse_many_sizes(listing.folder.shown(), sizes, reference)
    fits = [n for n in good.tolist() if _fits(listing, n, (width[n], height[n]), bool(grey[n]), reference, faults)]
    return Looked(listing, np.array(fits, np.int64), reference, faults)


def decoded(looked: Looked) -> dict[int, Tensor]:
    """The good pictures by number, decoded, at the size of all."""
    found = {number: image for number, image in _taken(looked, True) if isinstance(image, Tensor)}
    for number in _turned(looked, ((n, (image.shape[1], image.shape[2])) for n, image in found.items())):
        del found[number]
    return found


def checked(looked: Looked) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Numbers of the good pictures, int64 [N]; height and width of each, int32 [N, 2]; hashes of the files' content,
    uint8 [N, 16]."""
    sizes, hashes = np.zeros((len(looked.listing), 2), np.int32), np.zeros((len(looked.listing), 16), np.uint8)
    for number, found in _taken(looked, False):
        assert isinstance(found, Checked)
        sizes[number], hashes[number] = found.shape[1:], np.frombuffer(found.digest, np.uint8)
    good = np.flatnonzero(sizes[:, 0])
    left_out = _turned(looked, zip(good.tolist(), map(tuple, sizes[good].tolist()), strict=True))
    good = np.setdiff1d(good, left_out) if left_out else good
    return good, sizes[good], hashes[good]


def _header(listing: Listing, number: int) -> Header | str:
    path = listing.texts[number]
    try:
        return read_header(listing.folder.picture(path, head=True))
    except ValueError as problem:
        if isinstance(problem, UserError) or not isinstance(listing.folder, Elsewhere):
            return str(problem)
    try:  # its size may stand behind much else
        return read_header(listing.folder.picture(path))
    except ValueError as problem:
        return str(problem)


def _refuse_many_sizes(folder: str, sizes: Counter[tuple[int, int]], reference: Reference) -> None:
    """Photographs as cameras and the web give them are of many sizes: said once, not of each of them, where what is
    broken would not be found any more."""
    if reference.asked.size is not None or len(sizes) <= FEW:
        return
    ends = [f"{width}×{height}" for width, height in sorted(sizes, key=lambda side: side[0] * side[1])]
    side = min(USUAL, *(min(found) for found in sizes))
    raise UserError(
        f"{folder}: its pictures are of {len(sizes)} different sizes, from {ends[0]} to {ends[-1]} pixels; a network "
        f"takes one: data.size={side} makes all of them {side}×{side}"
    )


def _fits(
    listing: Listing, number: int, size: tuple[int, int], grey: bool, reference: Reference, faults: Faults
) -> bool:
    usual = (reference.width, reference.height)
    if reference.asked.size is None and size != usual:
        what = f"is {size[0]}×{size[1]} pixels where the commonest is {usual[0]}×{usual[1]}"
        faults.add(listing.shown(number), what, f"data.size={min(usual)} resizes all")
        return False
    if reference.asked.channels is None and grey != (reference.channels == 1):
        kinds = ("grey", "in colour") if grey else ("in colour", "grey")
        faults.add(
            listing.shown(number), f"is {kinds[0]} where most are {kinds[1]}", "data.channels=1 or 3 makes all alike"
        )
        return False
    return True


def _taken(looked: Looked, held: bool) -> Iterator[tuple[int, Taken]]:
    """The good pictures by number, decoded if they are to be held in memory."""
    listing, reference = looked.listing, looked.reference

    def work(number: int) -> Taken | str:
        try:
            source = listing.folder.picture(listing.texts[number])
        except UserError as problem:
            return str(problem)
        return taken(source, reference.channels, reference.both_sides, held)

    for number, found in each_picture(looked.good.tolist(), work):
        if isinstance(found, str):
            looked.faults.found.append(Fault(listing.shown(number), found))
        else:
            yield number, found


def _turned(looked: Looked, shapes: Iterable[tuple[int, tuple[int, ...]]]) -> list[int]:
    """Those of another shape than most, where all must have one: sizes were alike before they were stood upright."""
    if looked.reference.asked.size is not None:
        return []
    of = dict(shapes)
    counts = Counter(of.values())
    usual = max(counts, key=counts.__getitem__, default=None)
    turned = [number for number, shape in of.items() if shape != usual]
    for number in turned:
        what = "is turned by its camera's mark and then of another size"
        looked.faults.add(looked.listing.shown(number), what, "data.size=… resizes all")
    return turned
