"""The command line. `main` is the one entry; nothing here imports torch until a verb needs it."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process."""
    from flori.cli.app import app

    app(prog_name="flori")


__all__ = ["main"]
