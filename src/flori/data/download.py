"""Fetching a file: checksum, progress, resumption after a break, and a lock, so that two runs fetch it once."""

from __future__ import annotations

import gzip
import hashlib
import sys
import urllib.error
import urllib.request
from pathlib import Path

from filelock import FileLock

from flori.core.errors import UserError

PIECE = 1 << 18
WAIT_SECONDS = 30


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content; of what is packed inside where gzip packed one file: packing again changes
    nothing. An archive is taken as it is."""
    digest = hashlib.sha256()
    with open(path, "rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b" and ".tar" not in path.suffixes
    with gzip.open(path, "rb") if packed else open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def fetch(url: str, path: Path, sha256: str) -> Path:
    """The file at `path`, fetched from `url` if it is not there yet.

    A half-fetched ``.part`` is gone on with. Raises UserError where the file cannot be had, with what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            if not path.exists():
                part = path.with_name(path.name + ".part")
                _fetch_part(url, part)
                _check(url, part, sha256)
                part.replace(path)
    except OSError as problem:
        reason = getattr(problem, "reason", None) or problem
        raise UserError(
            f"{url} could not be fetched: {reason}\nGet it by other means and put it at {path}, "
            "or set FLORI_DATA to a folder that holds it."
        ) from None
    return path


def _fetch_part(url: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=WAIT_SECONDS)
    except urllib.error.HTTPError as problem:
        if problem.code != 416:  # nothing is left to fetch
            raise
        return
    with answer, open(part, "ab" if answer.status == 206 else "wb") as file:
        total = (have if answer.status == 206 else 0) + int(answer.headers.get("Content-Length") or 0)
        while piece := answer.read(PIECE):
            file.write(piece)
            if sys.stderr.isatty():
                print(f"\r{part.stem} {file.tell():,} of {total:,} bytes", end="", file=sys.stderr)
        if sys.stderr.isatty():
            print(file=sys.stderr)
        if total and file.tell() < total:
            raise OSError(
                f"the connection ended after {file.tell():,} of {total:,} bytes; the next try goes on from there"
            )


def _check(url: str, part: Path, sha256: str) -> None:
    try:
        found = content_hash(part)
    except (OSError, EOFError) as problem:
        found = f"unreadable ({problem})"
    if found != sha256:
        part.unlink()
        raise UserError(f"{url} is not the file that is expected: its SHA-256 is {found}, not {sha256}")
