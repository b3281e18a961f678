"""Paths and addresses as people type them."""

from __future__ import annotations

import re
from pathlib import Path

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")


def path_of(text: str | Path) -> Path:
    """The path that a text names, with ``~`` for the home folder; as it is where no such user is known."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def is_address(text: str | Path) -> bool:
    """Whether a text names something by a protocol, as in ``s3://bucket/photos`` or ``zip://::photos.zip``."""
    return isinstance(text, str) and ADDRESS.match(text) is not None


def whole_address(address: str) -> str:
    """An address that means the same from any folder: a path at the end of a chain from the root on."""
    *chain, last = address.split("::")
    return "::".join([*chain, last if "://" in last or not chain else str(path_of(last).absolute())])
