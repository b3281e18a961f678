"""Text files of any size, plain or gzipped → characters or lines; what is no text is named with line and byte."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from flori.core.errors import Fault, Faults, UserError

PIECE = 1 << 20  # bytes read at once
REMEDY = "data.encoding=latin-1 or the right one reads it"


def characters(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The text of a file in pieces, with ``\\n`` at all ends of lines. Raises UserError where it is no text."""
    line, place = 1, 0
    ends = io.IncrementalNewlineDecoder(None, translate=True)
    with opened(path) as file:
        head = file.read(PIECE)
        decoder = _decoder(path, head, encoding)
        while True:
            held = len(decoder.getstate()[0])
            try:
                text = ends.decode(decoder.decode(head, final=not head), final=not head)
            except UnicodeDecodeError as problem:
                line += problem.object[: problem.start].count(b"\n")
                where = f"{path}, line {line} (byte {place - held + problem.start + 1:,} of the file)"
                raise UserError(str(_no_text(where, problem))) from None
            text = text if place else text.removeprefix("\ufeff")
            if "\0" in text:
                line += text[: text.index("\0")].count("\n")
                raise UserError(f"{path}, line {line}: holds a zero byte, so it is no text")
            if text:
                yield text
            if not head:
                return
            line += text.count("\n")
            place += len(head)
            head = file.read(PIECE)


def lines(path: Path, faults: Faults, encoding: str = "utf-8") -> list[str | None]:
    """The lines of a file without their ends. Those that are no text are faults, and None in their place.

    Raises UserError where the file cannot be read as a whole.
    """
    with opened(path) as file:
        raw = file.read()
    if not raw:
        raise UserError(f"{path} is empty")
    encoding = _found_encoding(path, raw, encoding)
    found: list[str | None]
    try:
        found = [*_unified(raw.decode(encoding).removeprefix("\ufeff")).split("\n")]
    except UnicodeDecodeError as problem:
        if encoding not in ("utf-8", "ascii"):  # an end of line may be something else than a byte 10
            line = raw[: problem.start].count(b"\n") + 1
            raise UserError(str(_no_text(f"{path}, line {line}", problem))) from None
        found = _good_lines(path, raw, encoding, faults)
    if b"\0" in raw:
        for number, text in enumerate(found):
            if text is not None and "\0" in text:
                faults.add(f"{path}, line {number + 1}", "holds a zero byte, so it is no text")
                found[number] = None
    return found[:-1] if found[-1] == "" else found


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to read from, unpacked if gzip packed it. Raises UserError where it cannot be read, or not to its end."""
    try:
        with open(path, "rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            yield cast(IO[bytes], file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise UserError(f"{path} cannot be unpacked: {problem}; it is damaged or cut short") from None
    except OSError as problem:
        raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from None


def _decoder(path: Path, head: bytes, encoding: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(_found_encoding(path, head, encoding))()


def _found_encoding(path: Path, head: bytes, encoding: str) -> str:
    """The encoding as Python names it; UTF-16 where its mark stands at the beginning."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # base64 and its like have a name too, but are none of text
    except (LookupError, UnicodeError):
        hint = "utf-8, latin-1 and utf-16 are common"
        raise UserError(f"{path}: data.encoding={encoding} is not an encoding; {hint}") from None
    if name != "utf-8":
        return name
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else name


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _good_lines(path: Path, raw: bytes, encoding: str, faults: Faults) -> list[str | None]:
    raw = raw.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[str | None] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            found.append(line.decode(encoding))
        except UnicodeDecodeError as problem:
            faults.found.append(_no_text(f"{path}, line {number}", problem))
            found.append(None)
    return found


def _no_text(where: str, problem: UnicodeDecodeError) -> Fault:
    """That the byte at which decoding stopped is no text."""
    byte = problem.object[problem.start : problem.start + 1].hex()
    return Fault(where, f"is not {problem.encoding} text (byte 0x{byte})", REMEDY)
