"""A name or a path → examples as read; their division into parts."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path
from typing import Any

from flori.core.errors import UserError
from flori.core.machine import memory
from flori.core.paths import is_address, path_of
from flori.core.recipe import Data
from flori.data import dividing, fetching, idx, named, named_texts, picture_folder, picture_shards, stores
from flori.data.columns import TABLE_ENDINGS, group_numbers, must_have_groups, strata
from flori.data.examples import Pictures, PictureSet, Rows, TableSet
from flori.data.folders import Elsewhere
from flori.data.picture_files import in_memory
from flori.data.picture_shards import Shards
from flori.data.pictures import ENDINGS
from flori.data.ties import Ties

RawSet = PictureSet | TableSet


def read(options: Data) -> RawSet:
    """The examples behind ``data=``: a named set, or a folder or file of a known format, here or behind an address.

    Raises UserError that names the file and place of everything wrong.
    """
    known = named.NAMED.get(options.source)
    if known is not None:
        return _read_named(known, options)
    try:
        with fetching.spoken(options.source):
            there = reached(options)
            if isinstance(there, Shards):
                return picture_shards.read(there, options)
            return _read_pictures(there, options) if isinstance(there, Elsewhere) else _read_path(there, options)
    except OSError as problem:
        where = problem.filename or place(options.source)
        raise UserError(f"{where} cannot be read: {problem.strerror or problem}") from None


def reached(options: Data) -> Path | Elsewhere | Shards:
    """What ``data=`` leads to: a path here, where an address was fetched to maybe; a folder of pictures that are read
    from there, being too many, or not to be kept (``data.cache=none``); or Parquet files of pictures.

    Raises UserError where there is nothing.
    """
    store = stores.opened(options.source) if is_address(options.source) else None
    if store is None or store.here is not None:
        path = place(options.source) if store is None else fetching.local(options.source)
        if not path.exists():
            raise UserError(_not_there(options.source))
        may_be = path.is_dir() or path.suffix.lower() in picture_shards.ENDINGS
        return (picture_shards.found(stores.of_path(path)) if may_be else None) or path
    shards = picture_shards.found(store)
    if shards is not None:
        return shards
    if store.itself().is_folder and any(entry.is_folder for entry in store.entries()):
        files = [*store.walked()]
        pictures = any(Path(name).suffix.lower() in ENDINGS for name, _ in files)
        if pictures and (options.cache == "none" or sum(entry.size for _, entry in files) > memory() // 4):
            return Elsewhere(store)
    return fetching.local(options.source)


def found(source: str, wanted: str) -> Path:
    """The path that ``data=`` means, which is there; an address is fetched. Raises UserError that says what is `wanted`
    where it is not."""
    if is_address(source):
        return fetching.local(source)
    path = place(source)
    try:
        if path.exists():
            return path
    except OSError as problem:
        raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from None
    text = named_texts.fetched(source)
    if text is not None:
        return text
    if source in named_texts.ELSEWHERE:
        hint = f"; get {named_texts.ELSEWHERE[source]} and put it into {named.folder(source)}"
    elif source in named.NAMED:
        raise UserError(f"data={source} is {named.NAMED[source].about}; wanted is {wanted}")
    else:
        hint = f"; wanted is {wanted}"
    raise UserError(f"data={source}: no such file or folder, and no set of that name{hint}")


def place(source: str) -> Path:
    """The path that ``data=`` means: as it is, or the folder of that name among the data sets."""
    path = path_of(source)
    if Path(source).name == source and not path.exists() and _holds_something(named.folder(source)):
        return named.folder(source)
    return path


def _holds_something(folder: Path) -> bool:
    """Whether a folder is there with more in it than what a download that did not end left behind."""
    try:
        return folder.is_dir() and any(file.suffix not in (".lock", ".part") for file in folder.iterdir())
    except OSError:  # reading it says what is wrong
        return True


def _read_named(known: named.NamedSet, options: Data) -> RawSet:
    if known.embedded is not None:
        return _in_colour(known.embedded(), options.channels)
    if known.target is None:
        return _in_colour(named.read_pictures(known), options.channels)
    return _read_table(named.paths(known)[0], dataclasses.replace(options, target=options.target or known.target))


def _read_path(path: Path, options: Data) -> RawSet:
    if path.is_dir():
        if idx.holds_idx(path):
            return _in_colour(idx.read_folder(path), options.channels)
        return _read_folder(path, options)
    name = path.name.removesuffix(".gz")
    if "idx" in name and name.endswith("ubyte"):
        return _in_colour(idx.read_file(path), options.channels)
    if path.suffix.lower() in TABLE_ENDINGS:
        return _read_table(path, options)
    kinds = "a folder of pictures, IDX files, or a table (.csv, .tsv, .parquet)"
    raise UserError(f"{path}: cannot tell what it is from its name; data= takes {kinds}")


def _in_colour(raw: RawSet, channels: int | None) -> RawSet:
    """A grey set as it is, or with its one channel three times if 3 are asked for."""
    if channels != 3 or not isinstance(raw, PictureSet) or next(iter(raw.parts.values())).images.shape[1] == 3:
        return raw
    parts = {
        name: dataclasses.replace(part, images=in_memory(part.images).expand(-1, 3, -1, -1).contiguous())
        for name, part in raw.parts.items()
    }
    return dataclasses.replace(raw, parts=parts)


def _read_folder(path: Path, options: Data) -> RawSet:
    found = [child for child in sorted(path.iterdir()) if child.suffix.lower() in TABLE_ENDINGS]
    if found and not any(child.is_dir() for child in path.iterdir()):
        raise UserError(f"{path} is a folder; name the table in it, as in data={found[0]}")
    return _read_pictures(path, options)


def _read_pictures(folder: Path | Elsewhere, options: Data) -> PictureSet:
    return picture_folder.read_folder(
        folder, options.size, options.channels, options.on_bad, options.cache, options.workers
    )


def _read_table(path: Path, options: Data) -> TableSet:
    from flori.data import tables  # brings pandas, which pictures do not wait for

    return tables.read_table(
        path,
        options.target,
        ignore=tuple(name for name in options.ignore if name != options.group),
        categories=options.categories,
        identifier=options.id,
        encoding=options.encoding,
        on_bad=options.on_bad,
    )


def _not_there(source: str) -> str:
    near = difflib.get_close_matches(source, named.NAMED, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"data={source}: no such file or folder, and no set of that name; {hint}named sets: {', '.join(named.NAMED)}"


def divide(raw: RawSet, options: Data, task: str, seed: int, needs_valid: bool) -> RawSet:
    """The set with a test or valid part: what it brings, a fold, else a share of its training part, by seed and class.

    `needs_valid`: something will be chosen by a score, for which a part of its own is held out.
    """

    def tie(part: Pictures | Rows) -> Ties:
        if isinstance(part, Pictures):
            return Ties(len(part), part.targets)
        classes = strata(part.frame[raw.target], task)
        groups = None if options.group is None else group_numbers(part, options.group)
        return Ties(len(part), classes, groups, f"different values of {options.group!r}")

    if options.group is not None:
        if isinstance(raw, PictureSet):
            raise UserError(f"data.group={options.group} is a column of a table; pictures have none")
        must_have_groups(list(map(str, raw.parts["train"].frame.columns)), raw.target, options.group, options.id)
    parts: Any = dividing.divide(raw.parts, options, seed, needs_valid, tie)
    return dataclasses.replace(raw, parts=parts)


def resampled(raw: RawSet, options: Data, seed: int) -> RawSet:
    """The set, its training part drawn anew with replacement where that is asked for."""
    parts: Any = dividing.resampled(raw.parts, options, seed)
    return dataclasses.replace(raw, parts=parts)
