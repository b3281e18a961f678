"""Paths as people type them."""

from __future__ import annotations

from pathlib import Path


def path_of(text: str | Path) -> Path:
    """The path that a text names, with ``~`` for the home folder; as it is where no such user is known."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
