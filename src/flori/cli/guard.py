"""What a command's failure becomes: one message on standard error and an exit status that scripts can rely on."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from flori.core.errors import Interrupted, UserError, out_of_memory
from flori.core.lost import is_lost, speaks
from flori.core.ranks import launched

MEND, FAULT, INTERRUPTED = 2, 1, 130
TOGETHER = ("train", "resume")  # commands for all workers of torchrun
MOST = 200  # letters of a failure's own words


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with its failures said as people and scripts expect them."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            _must_suit_workers(command.__name__)
            command(*args, **options)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:  # the reader has seen enough, as in `flori list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (Exception, KeyboardInterrupt) as problem:
            status, message = _told(problem)
            if not speaks(lost=is_lost(problem)):
                raise typer.Exit(status) from None
            if status == FAULT and not is_lost(problem):
                traceback.print_exc()
            print(f"flori: {message}", file=sys.stderr)
            _tell_torchrun(message)
            if options.get("json"):
                print(json.dumps({"error": message}))
            raise typer.Exit(status) from None

    return run


def _tell_torchrun(message: str) -> None:
    """Have the table that torchrun prints last, of who failed, hold the message too, which is far above it by then."""
    if path := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        with contextlib.suppress(OSError):
            Path(path).write_text(json.dumps({"message": f"flori: {message}", "timestamp": int(time.time())}))


def _told(problem: BaseException) -> tuple[int, str]:
    """The exit status and the message of a failure."""
    if isinstance(problem, UserError):
        return MEND, str(problem)
    if isinstance(problem, Interrupted):
        return INTERRUPTED, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; nothing was left half-written"
    if is_lost(problem):
        hint = "torchrun --max-restarts=3 goes on by itself from the newest checkpoint"
        return FAULT, f"another worker was lost: it has ended, hangs, or the network is cut; {hint} ({_line(problem)})"
    if out_of_memory(problem):
        return MEND, "the memory does not suffice; a smaller batch=, model or data.size= needs less"
    return FAULT, "this is a fault of flori, not yours; please report the lines above"


def _line(problem: BaseException) -> str:
    """The last line of what a failure says, without the place in others' source that it begins with."""
    return re.sub(r"^\[[^]]*\]\s*", "", str(problem).strip().splitlines()[-1])[:MOST]


def _must_suit_workers(command: str) -> None:
    """Refuse what several workers of torchrun have no business with."""
    if not launched().alone and command not in TOGETHER:
        raise UserError(
            f"flori {command.rstrip('_')} is for one process; {' and '.join(TOGETHER)} are what workers share"
        )
