"""Which workers of a study live.

A worker is known to be dead by the lock that it held on a file, where the file is reachable: a kill frees it, and who
is merely slow still holds it. Elsewhere it is known by its beat, a count that it raises in the study as long as it
lives, watched by the observer's own clock.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial

GRACE = 90.0  # seconds without a beat after which a worker is held for dead


class Life:
    """Our own life, told by a lock on a file in a folder, and what we know of others'."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder.absolute() / f"{platform.node()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.lock"
        self.lock = FileLock(self.path)
        self.lock.acquire()
        self._seen: dict[int, tuple[Any, float]] = {}

    def document(self) -> dict[str, str]:
        """How others find out whether we live."""
        return {"host": platform.node(), "lock": str(self.path)}

    def end(self) -> None:
        """We leave in order."""
        self.path.unlink(missing_ok=True)
        self.lock.release()

    def is_lost(self, attempt: FrozenTrial) -> bool:
        """Whether a running attempt has no worker any more."""
        worker = attempt.user_attrs.get("worker")
        if worker and worker["host"] == platform.node() and Path(worker["lock"]).exists():
            return _is_free(Path(worker["lock"]))
        beat, now = attempt.user_attrs.get("beat"), time.monotonic()
        before, since = self._seen.get(attempt._trial_id, (beat, now))
        self._seen[attempt._trial_id] = (beat, since if before == beat else now)
        return bool(before == beat and now - since > GRACE)


def _is_free(path: Path) -> bool:
    """Whether nobody holds the lock on a file, as when its process was killed."""
    guard = FileLock(path, timeout=0)
    try:
        guard.acquire()
    except (Timeout, OSError):
        return False
    path.unlink(missing_ok=True)
    guard.release()
    return True
