"""Pictures that are not as a network takes them: told, since it sees them changed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from flori.data.pictures import listed, read_header, unwarned
from flori.data.preparation import PicturePreparation


def misfits(paths: Iterable[Path], prepared: PicturePreparation) -> list[str]:
    """A remark, with their number, on pictures of another size or with colours that the network does not take.

    Only their headers are read, so that a large folder takes little time; pictures that were left out are passed over.
    """
    headers = []
    with unwarned():
        for path in listed(paths):
            with suppress(ValueError):
                headers.append(read_header(path))
    height, width = prepared.size
    resized = sum((header.height, header.width) != prepared.size for header in headers)
    greyed = sum(not header.grey for header in headers) if prepared.channels == 1 else 0
    said = ((resized, f"resized to {width}×{height} pixels"), (greyed, "converted to grey"))
    return [f"{_counted(count)} {what}, as the network takes them" for count, what in said if count]


def _counted(count: int) -> str:
    return "1 picture was" if count == 1 else f"{count:,} pictures were"
