"""Files that are whole or not there: written aside, flushed to the disk, then renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flori.core.errors import UserError

ASIDE = ".aside-"
OURS_TO_SAY = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your disk quota is used up; free some space",
    errno.EROFS: "the disk is read-only; choose another place with --run or --out",
    errno.EACCES: "writing there is not allowed; choose another place with --run or --out",
    errno.EPERM: "writing there is not allowed; choose another place with --run or --out",
    errno.ENOENT: "its folder is no longer there",
    errno.EEXIST: "something else is there already",
    errno.ENOTDIR: "a part of that path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EIO: "the disk reports a fault",
}


@contextmanager
def saying_why(path: Path) -> Iterator[None]:
    """Turns a failure to write into a UserError that says where and what to do."""
    try:
        yield
    except OSError as problem:
        reason = OURS_TO_SAY.get(problem.errno or 0)
        if reason is None:
            raise
        raise UserError(f"{path} could not be written: {reason}") from None


def write(path: Path, content: str | bytes) -> None:
    """A file written aside, flushed and renamed: readers see the old one or the new one."""
    aside = aside_of(path)
    with saying_why(path):
        try:
            put(aside, content)
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)


def write_json(path: Path, document: Any) -> None:
    """A JSON file, indented, by `write`."""
    write(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def put(path: Path, content: str | bytes) -> None:
    """A file written in place and flushed to the disk."""
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def folder_aside(final: Path, by: str = "") -> Iterator[Path]:
    """A new folder to fill; when the block ends well it takes the place of `final` in one rename. Its name says `by`
    whom it is filled, where others might be at it who do not know yet that they are cut off."""
    aside = final.with_name(f"{ASIDE}{by}{final.name}")
    with saying_why(final):
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            yield aside
            _flush_folder(aside)
            if final.exists():
                old = final.with_name(f"{ASIDE}old-{final.name}")
                shutil.rmtree(old, ignore_errors=True)
                final.rename(old)
                aside.rename(final)
                shutil.rmtree(old)
            else:
                aside.rename(final)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        _flush_folder(final.parent)


def aside_of(final: Path) -> Path:
    """Where a file or folder is written before it takes its place."""
    return final.with_name(f"{ASIDE}{final.name}")


def sweep(folder: Path) -> None:
    """Remove what a killed process left aside."""
    for left in folder.glob(f"{ASIDE}*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
