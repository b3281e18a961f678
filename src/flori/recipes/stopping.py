"""Runs that end before their end: Ctrl-C and SIGTERM finish a step and save."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from flori.core.lost import told_to_end
from flori.recipes.session import Session
from flori.recipes.stating import Report


def stoppable(session: Session) -> Generator[Report, None, None]:
    """The session's reports until the end, or until SIGINT or SIGTERM: then the step is finished, everything
    saved, and Interrupted raised with the command that goes on. Closing the iterator saves too."""
    with _asked_to_stop() as asked, contextlib.closing(session.reports()) as reports:
        for report in reports:
            yield report
            if asked.is_set() and not session.run.ranks.alone:
                session.agreement.ask_to_stop()
            elif asked.is_set() and report.step < report.steps:
                reports.close()
                raise session.interruption()


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        if asked.is_set():
            told_to_end.set()
        for number, handler in before.items():
            signal.signal(number, handler)
