"""What a command's failure becomes: one message on standard error and an exit status that scripts can rely on."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from flori.core.errors import Interrupted, UserError

MEND, FAULT, INTERRUPTED = 2, 1, 130


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with its failures said as people and scripts expect them."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        as_json = bool(options.get("json"))
        try:
            command(*args, **options)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except UserError as problem:
            _say(str(problem), as_json)
            raise typer.Exit(MEND) from None
        except Interrupted as stopped:
            _say(str(stopped), as_json)
            raise typer.Exit(INTERRUPTED) from None
        except KeyboardInterrupt:
            _say("interrupted; nothing was left half-written", as_json)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # the reader has seen enough, as in `flori list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except MemoryError:
            _say("the memory of this machine does not suffice; a smaller batch= or data.size= helps", as_json)
            raise typer.Exit(MEND) from None
        except Exception:
            import traceback

            traceback.print_exc()
            _say("this is a fault of flori, not yours; please report the lines above", as_json)
            raise typer.Exit(FAULT) from None

    return run


def _say(message: str, as_json: bool) -> None:
    print(f"flori: {message}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": message}))
