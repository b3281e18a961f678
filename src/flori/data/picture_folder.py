"""Folders of pictures: ``class/name.png``, or ``train/`` ``valid/`` ``test/`` above that. They are decoded into memory,
or found good and left where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from flori.core.errors import Fault, Faults, UserError
from flori.core.machine import memory
from flori.data.examples import Pictures, PictureSet
from flori.data.folders import Folder, Here
from flori.data.picture_files import PictureFiles
from flori.data.picture_listing import listed
from flori.data.picture_looks import Asked, Looked, checked, decoded, looked_at
from flori.data.shelves import FileShelf, Names, Texts
from flori.data.surveys import Slot, Survey


def read_folder(
    folder: Path | Folder,
    size: int | None = None,
    channels: int | None = None,
    on_bad: str = "stop",
    cache: str = "auto",
    workers: int | None = None,
) -> PictureSet:
    """All pictures of a folder, decoded into memory, or found good and left where they are.

    Args:
        size: resize to size×size pixels; None: all must have one size.
        channels: 1 or 3; None: all must be grey, or all in colour.
        on_bad: ``stop`` raises UserError listing all faults; ``skip`` leaves the bad files out and lists them.
        cache: ``memory``, ``none``, or ``auto``: in memory if they take at most a quarter of it.
        workers: processes that decode those left where they are; None: one a core.
    """
    place = Here(folder) if isinstance(folder, Path) else folder
    asked = Asked(size, channels, on_bad)
    found = None if cache == "memory" else _surveyed(place, asked, cache)
    if isinstance(found, Survey):
        return _streamed(place, found, workers)
    looked = found or looked_at(listed(place, faults := Faults()), faults, asked)
    _must_fit(looked)
    return _held(looked)


def _surveyed(place: Folder, asked: Asked, cache: str) -> Survey | Looked | None:
    """What a look at the folder finds or has found: no survey where its pictures are to be held in memory."""
    slot = Slot.of(_whole(place), asked.size, asked.channels, asked.on_bad)
    with slot.in_turn():
        said = slot.said(cache)
        if said and (said["held"] or (survey := slot.found(said["key"]))):
            return None if said["held"] else survey
        listing = listed(place, faults := Faults())
        survey = slot.found(listing.key)
        held = cache == "auto" and survey is not None and _is_little(survey.notes["bytes"])
        looked = looked_at(listing, faults, asked) if survey is None or held else None
        if looked is not None:
            held = cache == "auto" and _is_little(looked.bytes)
            survey = None if held else slot.keep(_survey(looked))
        slot.say(cache, held, listing.key)
    return survey or looked


def _is_little(needed: int) -> bool:
    """Whether so many bytes may be held in memory without asking."""
    return needed <= memory() // 4


def _whole(place: Folder) -> str:
    return str(place.path.absolute()) if isinstance(place, Here) else place.shown()


def _survey(looked: Looked) -> Survey:
    """What is known of the good pictures, every file having been read. Raises UserError with all faults."""
    listing, reference = looked.listing, looked.reference
    good, sizes, hashes = checked(looked)
    _stop_if_bad(looked)
    _check_labels(looked, good)
    height, width = reference.both_sides or map(int, sizes[0])
    notes = {
        "key": listing.key,
        "parts": listing.parts,
        "classes": listing.classes,
        "channels": reference.channels,
        "height": height,
        "width": width,
        "bytes": looked.bytes,
        "skipped": [[fault.where, fault.what, fault.remedy] for fault in looked.faults.found],
    }
    texts = Texts.of(listing.texts[number] for number in good.tolist())
    return Survey(texts, listing.part[good], listing.label[good], sizes, hashes, notes)


def _streamed(place: Folder, survey: Survey, workers: int | None) -> PictureSet:
    """The pictures of a survey, by part, left where they are."""
    notes, shelf = survey.notes, FileShelf(place, survey.texts, survey.sizes, survey.hashes)
    labels, number = _numbered(notes["classes"], survey.label)
    parts = {}
    for i, part in enumerate(notes["parts"]):
        own = np.flatnonzero(survey.part == i)
        if len(own):
            numbers = torch.from_numpy(own)
            files = PictureFiles(shelf, numbers, notes["channels"], (notes["height"], notes["width"]), workers)
            parts[part] = Pictures(files, torch.from_numpy(number[survey.label[own]]), Names(shelf.name, numbers))
    return PictureSet(parts, labels, [Fault(*fault) for fault in notes["skipped"]])


def _held(looked: Looked) -> PictureSet:
    """The pictures decoded, by part."""
    listing, images = looked.listing, decoded(looked)
    _stop_if_bad(looked)
    good = np.array([*images], np.int64)
    _check_labels(looked, good)
    labels, number = _numbered(listing.classes, listing.label[good])
    parts = {}
    for i, part in enumerate(listing.parts):
        own = good[listing.part[good] == i].tolist()
        if own:
            together = torch.stack([images.pop(n) for n in own])
            targets = torch.from_numpy(number[listing.label[own]])
            parts[part] = Pictures(together, targets, [listing.texts[n] for n in own])
    return PictureSet(parts, labels, looked.faults.found)


def _numbered(classes: Sequence[str], found: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int64]]:
    """The classes that occur, in order of name, and the number of each as it was numbered before."""
    there = sorted((classes[place], place) for place in np.unique(found).tolist())
    number = np.full(len(classes), -1, np.int64)
    for new, (_, place) in enumerate(there):
        number[place] = new
    return [name for name, _ in there], number


def _must_fit(looked: Looked) -> None:
    """Raise UserError where pictures that are to be held in memory leave none for anything else."""
    needed, there = looked.bytes, memory()
    if needed > there // 2:
        raise UserError(
            f"{looked.listing.folder.shown()}: {len(looked.good):,} pictures need {needed / 2**30:.1f} GiB of memory "
            f"at this size, the machine has {there / 2**30:.1f}; a smaller data.size helps, "
            "or data.cache=none, which leaves them on disk"
        )


def _stop_if_bad(looked: Looked) -> None:
    faults = looked.faults
    if looked.reference.asked.on_bad == "stop":
        resized = [fault.remedy for fault in faults.found if "data.size" in fault.remedy]
        remedies = "; ".join([*resized[:1], "data.on_bad=skip leaves the bad ones out"])
        faults.stop_if_any(looked.listing.folder.shown(), remedies + ".")


def _check_labels(looked: Looked, good: NDArray[np.int64]) -> None:
    """Stop where nothing can be learnt, with the faults that were passed over: they are why."""
    listing, faults, folder = looked.listing, looked.faults, looked.listing.folder.shown()
    labels, _ = _numbered(listing.classes, listing.label[good])
    learns = np.array([part == "train" for part in listing.parts])[listing.part[good]]
    trained, _ = _numbered(listing.classes, listing.label[good[learns]])
    if not trained:
        faults.add(folder, "holds no good picture to train on")
    elif unseen := sorted(set(labels) - set(trained)):
        faults.add(folder, f"no training picture of {', '.join(unseen)}, which valid/ or test/ has")
    elif len(labels) < 2:
        hint = f"if the classes lie in {labels[0]}, that is the folder to name"
        faults.add(folder, f"holds one class ({labels[0]}); to tell classes apart takes at least two; {hint}")
    else:
        return
    faults.stop_if_any(folder)
