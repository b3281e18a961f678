"""Pictures in Parquet files, as the Hugging Face hub keeps them: ``train-00000-of-00042.parquet``, with the part in the
name of the file or of a folder above it.

Of each file the footer is read, and the column of classes; of a few row groups the pictures, to learn how large they
are. All others are read when a batch needs them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from flori.core.errors import Faults, UserError
from flori.core.machine import cores
from flori.core.recipe import Data
from flori.data.examples import Pictures, PictureSet
from flori.data.parquet_columns import Columns, columns, holds_pictures
from flori.data.picture_files import PIECE, PictureFiles
from flori.data.pictures import read_header, upright_size
from flori.data.progress import counted
from flori.data.shard_shelf import AT_ONCE, Shard, ShardShelf
from flori.data.shelves import Names
from flori.data.stores import Store
from flori.data.text_files import PARTS, part_of

ENDINGS = (".parquet", ".pq")
ABOVE = {*PARTS, "data", "default"}  # folders that such files lie in
LOOKED_AT = 32  # pictures of a row group, of three: how large they are


@dataclass(frozen=True)
class Shards:
    """Parquet files with pictures, by part, as paths within a store."""

    store: Store
    files: dict[str, list[str]]


def found(store: Store) -> Shards | None:
    """The Parquet files of pictures in a folder, or the one that there is; None where it is anything else."""
    if not store.itself().is_folder:
        inside = [""] if store.shown().partition("::")[0].lower().endswith(ENDINGS) else []
    else:
        inside = [name for name in _files(store, "") if name.lower().endswith(ENDINGS)]
    if not inside or not holds_pictures(Shard.of(store, inside[0]).footer.schema.to_arrow_schema()):
        return None
    return Shards(store, _by_part(store, inside))


def read(shards: Shards, options: Data) -> PictureSet:
    """All pictures by part, left where they are unless ``data.cache=memory``. Raises UserError for rows without a
    class, where these are not to be left out."""
    store, faults = shards.store, Faults()
    footers = {part: _shards(store, files) for part, files in shards.files.items()}
    first = footers["train"][0]
    chosen = columns(store.shown(first.inside), first.footer.schema.to_arrow_schema(), options.target)
    classes: dict[Any, int] = {}
    shelves, labels = {}, {}
    for part, several in footers.items():
        shelves[part] = ShardShelf(store, several, chosen.picture)
        labels[part] = _labels(shelves[part], chosen, classes, faults)
    if options.on_bad == "stop":
        faults.stop_if_any(store.shown(), "data.on_bad=skip leaves these rows out.")
    names, number = _numbered(classes, chosen)
    _check_classes(store, names, {part: set(number[found[found >= 0]].tolist()) for part, found in labels.items()})
    channels, size = _look(shelves["train"], np.flatnonzero(labels["train"] >= 0), options)
    parts = {}
    for part, shelf in shelves.items():
        good = np.flatnonzero(labels[part] >= 0)
        if len(good):
            numbers = torch.from_numpy(good)
            files = PictureFiles(shelf, numbers, channels, size, options.workers)
            images = _in_memory(files) if options.cache == "memory" else files
            parts[part] = Pictures(images, torch.from_numpy(number[labels[part][good]]), Names(shelf.name, numbers))
    return PictureSet(parts, names, faults.found, target=chosen.label)


def _files(store: Store, inside: str) -> Iterator[str]:
    """Files of a folder and of those in it that are called as folders of data are: no folder of a class is opened."""
    for entry in store.entries(inside):
        below = f"{inside}/{entry.name}" if inside else entry.name
        if not entry.is_folder:
            yield below
        elif entry.name.lower() in ABOVE:
            yield from _files(store, below)


def _by_part(store: Store, files: list[str]) -> dict[str, list[str]]:
    if files == [""]:
        return {"train": files}
    parts: dict[str, list[str]] = {}
    for file in files:
        steps = PurePosixPath(file)
        above = (PARTS.get(step.lower()) for step in steps.parts[:-1])
        parts.setdefault(next(filter(None, above), part_of(steps.stem)) or "", []).append(file)
    nameless = parts.pop("", [])
    if nameless and parts:
        raise UserError(f"{store.shown(nameless[0])}: its name says neither train, valid nor test, as others do")
    if not nameless and "train" not in parts:
        raise UserError(f"{store.shown()} has {', '.join(files)} but nothing to train on")
    there = {"train": nameless} if nameless else parts
    return {part: there[part] for part in ("train", "valid", "test") if part in there}


def _shards(store: Store, files: list[str]) -> list[Shard]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [*counted(pool.map(lambda file: Shard.of(store, file), files), len(files), "Parquet files looked at")]


def _labels(shelf: ShardShelf, chosen: Columns, classes: dict[Any, int], faults: Faults) -> NDArray[np.int64]:
    """The class of each row by its number in `classes`, which gets those that are new; −1 where there is none."""
    found = []
    for shard in shelf.shards:
        column = _column(shelf.store, shard, chosen)
        texts = [_class(value, chosen.names) for value in column.dictionary.to_pylist()]
        number = np.array([-1 if text is None else classes.setdefault(text, len(classes)) for text in texts] + [-1])
        found.append(number[column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)])
        for place in np.flatnonzero(found[-1] < 0).tolist():
            faults.add(f"{shelf.store.shown(shard.inside)}, row {place + 1}", f"has no class in {chosen.label!r}")
    return np.concatenate([*found, np.empty(0, np.int64)]).astype(np.int64)


def _column(store: Store, shard: Shard, chosen: Columns) -> Any:
    """The column of classes of a file as numbers and what they stand for."""
    import pyarrow as pa

    there = [shard.footer.schema.column(i).path for i in range(shard.footer.num_columns)]
    for name in (chosen.picture, chosen.label):
        if name not in there:
            raise UserError(f"{store.shown(shard.inside)} has no column {name!r}, which other files have")
    column = shard.read(store, [chosen.label]).column(0).combine_chunks()
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _class(value: Any, names: list[str] | None) -> Any:
    if names is None or value is None:
        return value
    return names[value] if 0 <= value < len(names) else None


def _numbered(classes: dict[Any, int], chosen: Columns) -> tuple[list[str], NDArray[np.int64]]:
    """The classes in order: as the file has them, or of their numbers or names; and the new number of each."""
    inside = chosen.names or []
    ordered = sorted(classes, key=inside.index if inside else None)
    number = np.empty(len(classes), np.int64)
    number[[classes[name] for name in ordered]] = np.arange(len(classes))
    return [str(name) for name in ordered], number


def _check_classes(store: Store, names: list[str], there: dict[str, set[int]]) -> None:
    unseen = sorted(set().union(*there.values()) - there["train"])
    if unseen:
        raise UserError(f"{store.shown()}: no training picture of {', '.join(names[i] for i in unseen)}")
    if len(names) < 2:
        raise UserError(f"{store.shown()} has {len(names)} class; to tell classes apart takes at least two")


def _look(shelf: ShardShelf, good: NDArray[np.int64], options: Data) -> tuple[int, tuple[int, int]]:
    """Channels, height and width of all, by a few of three row groups. Raises UserError where sizes differ."""
    fetch, headers, sizes = shelf.opener(), [], Counter[tuple[int, int]]()
    for start in sorted({0, len(good) // 2, max(0, len(good) - LOOKED_AT)}):
        for kept in fetch(good[start : start + LOOKED_AT].tolist()):
            try:
                headers.append(read_header(kept.source))
                sizes[upright_size(kept.source)] += 1
            except ValueError as problem:
                raise UserError(f"{kept.name}: {problem}") from None
    side = options.size or min(map(min, sizes))
    if options.size is None and len(sizes) > 1:
        what = f"{shelf.store.shown()}: its pictures are of different sizes; a network takes one"
        raise UserError(f"{what}: data.size={min(side, 224)} makes all of them {min(side, 224)}×{min(side, 224)}")
    grey = 2 * sum(header.grey for header in headers) > len(headers)
    return options.channels or (1 if grey else 3), (side, side) if options.size else next(iter(sizes))


def _in_memory(files: PictureFiles) -> torch.Tensor:
    """All pictures decoded."""
    opener, pieces = files.shelf.opener(), torch.arange(len(files)).split(PIECE)
    with ThreadPoolExecutor(cores()) as pool:
        made = (files.read(piece, opener, pool.map) for piece in pieces)
        return torch.cat([*counted(made, len(pieces), f"pieces of {PIECE} pictures decoded")])
