"""Which files of a folder should be pictures, of which part and class: ``class/name.png``, or ``train/`` ``valid/``
``test/`` above that."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from flori.core.errors import Faults, UserError
from flori.data.folders import Folder, files
from flori.data.pictures import ENDINGS, shown
from flori.data.shelves import Texts
from flori.data.stores import Entry

PARTS = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}
PASSED_OVER = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Listing:
    """N files by their paths in a folder, with part and class as places in `parts` and `classes`, int32 [N]; `key` is a
    hash of all names, sizes and times. A Path takes over a kilobyte, and there may be a million."""

    folder: Folder
    texts: Texts
    part: NDArray[np.int32]
    label: NDArray[np.int32]
    parts: list[str]
    classes: list[str]
    key: str

    def __len__(self) -> int:
        return len(self.texts)

    def shown(self, number: int) -> str:
        """The path or address of a file, as messages name it."""
        return shown(self.folder.shown(self.texts[number]))


def listed(folder: Folder, faults: Faults) -> Listing:
    """Every file that should be a picture. Raises UserError where there is none."""
    outside: list[str] = []
    digest = hashlib.blake2b(digest_size=16)
    parts: dict[str, int] = {}
    classes: dict[str, int] = {}
    part_of, label_of = array("i"), array("i")

    def names() -> Iterator[str]:
        for root, part in _roots(folder):
            children = folder.entries(root)
            outside.extend(_below(root, child) for child in children if not child.is_folder and _is_picture(child))
            for group in filter(_is_shown_folder, children):
                inside = [(name, child) for name, child in files(folder, _below(root, group)) if _is_meant(child)]
                if not inside:
                    faults.add(shown(folder.shown(_below(root, group))), "is a class folder without pictures")
                for name, child in inside:
                    part_of.append(parts.setdefault(part, len(parts)))
                    label_of.append(classes.setdefault(group.name, len(classes)))
                    digest.update(f"{name}\0{child.mark}\0".encode("utf-8", "surrogateescape"))
                    yield name

    texts = Texts.of(names())
    if not len(texts):
        where = PurePosixPath(folder.shown()).name
        raise UserError(
            f"{folder.shown()} holds no class folders with pictures; expected {where}/CLASS/NAME.png "
            f"or {where}/train/CLASS/NAME.png"
        )
    for path in outside:
        faults.add(shown(folder.shown(path)), "lies in no class folder")
    part, label = np.array(part_of, np.int32), np.array(label_of, np.int32)
    return Listing(folder, texts, part, label, [*parts], [*classes], digest.hexdigest())


def _roots(folder: Folder) -> list[tuple[str, str]]:
    """The folders that class folders lie in, with their part: ``train/`` and its like, or the folder itself."""
    children = list(filter(_is_shown_folder, folder.entries()))
    parts = [(child.name, PARTS[child.name.lower()]) for child in children if child.name.lower() in PARTS]
    if any(part == "train" for _, part in parts):
        return parts
    if parts and (len(parts) == len(children) or any(map(_is_shown_folder, _inside(folder, parts)))):
        found = ", ".join(f"{name}/" for name, _ in parts)
        raise UserError(f"{folder.shown()} has {found} but no train/ to learn from")
    return [("", "train")]


def _inside(folder: Folder, parts: list[tuple[str, str]]) -> list[Entry]:
    return [entry for name, _ in parts for entry in folder.entries(name)]


def _below(root: str, child: Entry) -> str:
    return f"{root}/{child.name}" if root else child.name


def _is_shown_folder(child: Entry) -> bool:
    return child.is_folder and not child.name.startswith(".")


def _is_picture(child: Entry) -> bool:
    return PurePosixPath(child.name).suffix.lower() in ENDINGS


def _is_meant(child: Entry) -> bool:
    """Whether what lies in a class folder should be a picture: all but folders and what systems leave."""
    if child.name.startswith(".") or child.name.lower() in PASSED_OVER:
        return False
    return not child.is_folder or _is_picture(child)
