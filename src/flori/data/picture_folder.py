"""Folders of pictures: ``class/name.png``, or ``train/`` ``valid/`` ``test/`` above that.

Every file is looked at before anything is learnt from; what is wrong is collected with the file's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from flori.core.errors import Fault, Faults, UserError
from flori.core.machine import memory
from flori.data.examples import Pictures, PictureSet
from flori.data.picture_files import Taken, taken, together
from flori.data.pictures import ENDINGS, Header, read_header, shown
from flori.data.progress import each_picture

PARTS = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}
PASSED_OVER = {"thumbs.db", "desktop.ini"}
FEW = 8  # sizes: so few are taken for slips among pictures of one size
USUAL = 224  # pixels that photographs are usually learnt at


@dataclass(frozen=True, slots=True)
class _File:
    path: str  # a Path takes over a kilobyte: there may be a million
    part: str
    label: str


def read_folder(
    folder: Path,
    size: int | None = None,
    channels: int | None = None,
    on_bad: str = "stop",
    cache: str = "auto",
    workers: int | None = None,
) -> PictureSet:
    """All pictures of a folder, decoded into memory, or found good and left on disk.

    Args:
        size: resize to size×size pixels; None: all must have one size.
        channels: 1 or 3; None: all must be grey, or all in colour.
        on_bad: ``stop`` raises UserError listing all faults; ``skip`` leaves the bad files out and lists them.
        cache: ``memory``, ``none``, or ``auto``: in memory if they take at most a quarter of it.
        workers: processes that read those left on disk; None: one a core.
    """
    faults = Faults()
    files = _files(folder, faults)
    headers = _headers(files, faults)
    reference = _reference(headers.values(), size, channels, workers)
    if on_bad == "stop":
        _refuse_many_sizes(folder, headers.values(), reference)
    files = [f for f in files if f.path in headers and _fits(f, headers[f.path], reference, faults)]
    held = _are_held(folder, len(files), reference, cache)
    decoded = _take_all(files, reference, held, faults)
    if on_bad == "stop":
        resized = [fault.remedy for fault in faults.found if "data.size" in fault.remedy]
        faults.stop_if_any(str(folder), "; ".join([*resized[:1], "data.on_bad=skip leaves the bad ones out"]) + ".")
    labels = sorted({f.label for f in files if f.path in decoded})
    _check_labels(folder, [f for f in files if f.path in decoded], labels, faults)
    return PictureSet(_parts(folder, files, decoded, labels, reference), labels, faults.found)


def _files(folder: Path, faults: Faults) -> list[_File]:
    """Every file that should be a picture, with its part and class."""
    files, outside = [], []
    for root, part in _roots(folder):
        loose = (path for path in sorted(root.iterdir()) if path.suffix.lower() in ENDINGS)
        outside += [path for path in loose if path.is_file()]
        for group in _folders(root):
            inside = [path for path in sorted(group.rglob("*")) if _is_meant(path)]
            if not inside:
                faults.add(shown(group), "is a class folder without pictures")
            files += [_File(str(path), part, group.name) for path in inside]
    if not files:
        raise UserError(
            f"{folder} holds no class folders with pictures; expected {folder.name}/CLASS/NAME.png "
            f"or {folder.name}/train/CLASS/NAME.png"
        )
    for path in outside:
        faults.add(shown(path), "lies in no class folder")
    return files


def _roots(folder: Path) -> list[tuple[Path, str]]:
    """The folders that class folders lie in, with their part: ``train/`` and its like, or the folder itself."""
    children = _folders(folder)
    parts = [(child, PARTS[child.name.lower()]) for child in children if child.name.lower() in PARTS]
    if any(part == "train" for _, part in parts):
        return parts
    if parts and (len(parts) == len(children) or any(_folders(child) for child, _ in parts)):
        found = ", ".join(f"{child.name}/" for child, _ in parts)
        raise UserError(f"{folder} has {found} but no train/ to learn from")
    return [(folder, "train")]


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _is_meant(path: Path) -> bool:
    """Whether what lies in a class folder should be a picture: all but folders and what systems leave."""
    if path.name.startswith(".") or path.name.lower() in PASSED_OVER:
        return False
    return not path.is_dir() or path.suffix.lower() in ENDINGS


def _headers(files: list[_File], faults: Faults) -> dict[str, Header]:
    def look(file: _File) -> Header | Fault:
        try:
            return read_header(Path(file.path))
        except ValueError as problem:
            return Fault(shown(file.path), str(problem))

    headers = {}
    for file, seen in each_picture(files, look):
        if isinstance(seen, Header):
            headers[file.path] = seen
        else:
            faults.found.append(seen)
    if not headers:
        faults.stop_if_any("the folder")
    return headers


@dataclass(frozen=True)
class _Reference:
    """What all pictures must be alike in; None where they are made alike."""

    width: int
    height: int
    channels: int
    size: int | None
    any_colour: bool
    workers: int | None

    @property
    def both_sides(self) -> tuple[int, int] | None:
        return None if self.size is None else (self.size, self.size)


def _reference(headers: Iterable[Header], size: int | None, channels: int | None, workers: int | None) -> _Reference:
    seen = list(headers)
    (width, height), _ = Counter((h.width, h.height) for h in seen).most_common(1)[0]
    grey, _ = Counter(h.grey for h in seen).most_common(1)[0]
    return _Reference(width, height, channels or (1 if grey else 3), size, channels is not None, workers)


def _refuse_many_sizes(folder: Path, headers: Iterable[Header], reference: _Reference) -> None:
    """Photographs as cameras and the web give them are of many sizes: said once, not of each of them, where what is
    broken would not be found any more."""
    sizes = Counter((h.width, h.height) for h in headers)
    if reference.size is not None or len(sizes) <= FEW:
        return
    ends = [f"{width}×{height}" for width, height in sorted(sizes, key=lambda side: side[0] * side[1])]
    side = min(USUAL, *(min(found) for found in sizes.elements()))
    raise UserError(
        f"{folder}: its pictures are of {len(sizes)} different sizes, from {ends[0]} to {ends[-1]} pixels; a network "
        f"takes one: data.size={side} makes all of them {side}×{side}"
    )


def _fits(file: _File, header: Header, reference: _Reference, faults: Faults) -> bool:
    if reference.size is None and (header.width, header.height) != (reference.width, reference.height):
        what = f"is {header.width}×{header.height} pixels where the commonest is {reference.width}×{reference.height}"
        faults.add(file.path, what, f"data.size={min(reference.width, reference.height)} resizes all")
        return False
    if not reference.any_colour and header.grey != (reference.channels == 1):
        kinds = ("grey", "in colour") if header.grey else ("in colour", "grey")
        faults.add(file.path, f"is {kinds[0]} where most are {kinds[1]}", "data.channels=1 or 3 makes all alike")
        return False
    return True


def _are_held(folder: Path, count: int, reference: _Reference, cache: str) -> bool:
    """Whether the pictures are to be decoded into memory. Raises UserError where they cannot be, but must."""
    side = reference.size
    pixels = side * side if side else reference.width * reference.height
    needed, there = count * reference.channels * pixels, memory()
    if cache != "memory":
        return cache == "auto" and needed <= there // 4
    if needed > there // 2:
        raise UserError(
            f"{folder}: {count:,} pictures need {needed / 2**30:.1f} GiB of memory at this size, "
            f"the machine has {there / 2**30:.1f}; a smaller data.size helps, "
            "or data.cache=none, which leaves them on disk"
        )
    return True


def _take_all(files: list[_File], reference: _Reference, held: bool, faults: Faults) -> dict[str, Taken]:
    """The good pictures, decoded if they are to be held in memory."""

    def work(file: _File) -> Taken | Fault:
        return taken(Path(file.path), reference.channels, reference.both_sides, held)

    decoded = {}
    for file, image in each_picture(files, work):
        if isinstance(image, Fault):
            faults.found.append(image)
        else:
            decoded[file.path] = image
    if reference.size is None:
        _drop_turned(decoded, faults)
    return decoded


def _drop_turned(decoded: dict[str, Taken], faults: Faults) -> None:
    """Leave out those of another shape than most: sizes were alike before they were stood upright."""
    shapes = Counter(image.shape for image in decoded.values())
    usual = max(shapes, key=shapes.__getitem__, default=None)
    for path in [path for path, image in decoded.items() if image.shape != usual]:
        faults.add(path, "is turned by its camera's mark and then of another size", "data.size=… resizes all")
        del decoded[path]


def _check_labels(folder: Path, good: list[_File], labels: list[str], faults: Faults) -> None:
    """Stop where nothing can be learnt, with the faults that were passed over: they are why."""
    trained = {file.label for file in good if file.part == "train"}
    unseen = sorted(set(labels) - trained)
    if not trained:
        faults.add(folder, "holds no good picture to train on")
    elif unseen:
        faults.add(folder, f"no training picture of {', '.join(unseen)}, which valid/ or test/ has")
    elif len(labels) < 2:
        faults.add(folder, f"holds one class ({labels[0]}); to tell classes apart takes at least two")
    else:
        return
    faults.stop_if_any(str(folder))


def _parts(
    folder: Path, files: list[_File], decoded: dict[str, Taken], labels: list[str], reference: _Reference
) -> dict[str, Pictures]:
    number = {label: i for i, label in enumerate(labels)}
    parts = {}
    for part in dict.fromkeys(file.part for file in files):
        good = [file for file in files if file.part == part and file.path in decoded]
        if good:
            images = together([decoded.pop(file.path) for file in good], reference.both_sides, reference.workers)
            targets = torch.tensor([number[file.label] for file in good])
            parts[part] = Pictures(images, targets, [str(Path(file.path).relative_to(folder)) for file in good])
    return parts
