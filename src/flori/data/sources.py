"""A name or a path → examples as read; their division into parts."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path

from flori.core.errors import UserError
from flori.core.recipe import Data
from flori.data import idx, named, pictures, tables
from flori.data.examples import PictureSet, TableSet, split

RawSet = PictureSet | TableSet


def read(options: Data) -> RawSet:
    """The examples behind ``data=``: a named set, or a folder or file of a known format.

    Raises UserError that names the file and place of everything wrong.
    """
    known = named.NAMED.get(options.source)
    if known is not None:
        return _read_named(known, options)
    if options.channels == 2:
        raise UserError("data.channels=2: pictures are read with 1 channel (grey) or 3 (colour)")
    path = path_of(options.source)
    try:
        if not path.exists():
            raise UserError(_not_there(options.source))
        return _read_path(path, options)
    except OSError as problem:
        raise UserError(f"{problem.filename or path} cannot be read: {problem.strerror or problem}") from None


def path_of(source: str) -> Path:
    """The path that a source may be, with ``~`` for the home folder."""
    try:
        return Path(source).expanduser()
    except RuntimeError:  # the home of a user who is not known here
        return Path(source)


def _read_named(known: named.NamedSet, options: Data) -> RawSet:
    if known.embedded is not None:
        return known.embedded()
    if known.target is None:
        return named.read_pictures(known)
    return _read_table(named.paths(known)[0], dataclasses.replace(options, target=options.target or known.target))


def _read_path(path: Path, options: Data) -> RawSet:
    if path.is_dir():
        if idx.holds_idx(path):
            return idx.read_folder(path)
        return _read_folder(path, options)
    name = path.name.removesuffix(".gz")
    if "idx" in name and name.endswith("ubyte"):
        return idx.read_file(path)
    if path.suffix.lower() in tables.ENDINGS:
        return _read_table(path, options)
    kinds = "a folder of pictures, IDX files, or a table (.csv, .tsv, .parquet)"
    raise UserError(f"{path}: cannot tell what it is from its name; data= takes {kinds}")


def _read_folder(path: Path, options: Data) -> RawSet:
    found = [child for child in sorted(path.iterdir()) if child.suffix.lower() in tables.ENDINGS]
    if found and not any(child.is_dir() for child in path.iterdir()):
        raise UserError(f"{path} is a folder; name the table in it, as in data={found[0]}")
    return pictures.read_folder(path, options.size, options.channels, options.on_bad)


def _read_table(path: Path, options: Data) -> TableSet:
    return tables.read_table(
        path,
        options.target,
        ignore=options.ignore,
        categories=options.categories,
        encoding=options.encoding,
        on_bad=options.on_bad,
    )


def _not_there(source: str) -> str:
    near = difflib.get_close_matches(source, named.NAMED, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"data={source}: no such file or folder, and no set of that name; {hint}named sets: {', '.join(named.NAMED)}"


def divide(raw: RawSet, options: Data, task: str, seed: int, needs_valid: bool) -> RawSet:
    """The set with a test or valid part: what it brings, else a share of its training part, by seed and class.

    `needs_valid`: something will be chosen by a score, for which a part of its own is held out.
    """
    parts = dict(raw.parts)
    if not {"test", "valid"} & parts.keys():
        parts = _hold_out(raw, parts, "test", options.test or 0.1, task, seed)
    if "valid" not in parts and (needs_valid or options.valid):
        parts = _hold_out(raw, parts, "valid", options.valid or 0.1, task, seed + 1)
    return dataclasses.replace(raw, parts=parts)


def _hold_out(raw: RawSet, parts: dict, name: str, share: float, task: str, seed: int) -> dict:  # type: ignore[type-arg]
    whole = parts["train"]
    classes = whole.targets if isinstance(raw, PictureSet) else tables.strata(whole.frame[raw.target], task)
    kept, held = split(len(whole), share, seed, classes)
    return {**parts, "train": whole.take(kept), name: whole.take(held)}
