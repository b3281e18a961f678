"""What a command's failure becomes: one message on standard error and an exit status that scripts can rely on."""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from flori.core.errors import Interrupted, UserError, out_of_memory

MEND, FAULT, INTERRUPTED = 2, 1, 130


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with its failures said as people and scripts expect them."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:  # the reader has seen enough, as in `flori list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (Exception, KeyboardInterrupt) as problem:
            status, message = _told(problem)
            if status == FAULT:
                traceback.print_exc()
            print(f"flori: {message}", file=sys.stderr)
            if options.get("json"):
                print(json.dumps({"error": message}))
            raise typer.Exit(status) from None

    return run


def _told(problem: BaseException) -> tuple[int, str]:
    """The exit status and the message of a failure."""
    if isinstance(problem, UserError):
        return MEND, str(problem)
    if isinstance(problem, Interrupted):
        return INTERRUPTED, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; nothing was left half-written"
    if out_of_memory(problem):
        return MEND, "the memory does not suffice; a smaller batch=, model or data.size= needs less"
    return FAULT, "this is a fault of flori, not yours; please report the lines above"
