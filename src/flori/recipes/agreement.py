"""When ranks that train together stop and save: what one of them wants is done by all, at the same step."""

from __future__ import annotations

import time

import torch

from flori.core.ranks import Ranks

SECONDS, MOST = 0.25, 1000  # between two talks, about, and steps


class Agreement:
    """What this rank wants, and what all have agreed on. One process alone agrees with itself at once."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.stopped = False
        self._asked = False
        self._next, self._step, self._time = 0, 0, time.monotonic()

    def ask_to_stop(self) -> None:
        """At the next talk all will stop."""
        self._asked = True

    def reached(self, step: int, save: bool) -> bool:
        """After every step: whether all are to save now, as the first rank wanted. Talks are so many steps apart that
        they cost little: all reckon with the pace of the first rank, and so come to the same."""
        if self.ranks.alone:
            return save
        if step < self._next:
            return False
        now = time.monotonic()
        pace = (now - self._time) / max(1, step - self._step) if self.ranks.first and self._step else 0.0
        wanted = torch.tensor([self._asked, save and self.ranks.first, pace], dtype=torch.float64)
        stop, save_now, seconds = self.ranks.largest(wanted).tolist()
        self.stopped = bool(stop)
        self._next = step + (max(1, min(MOST, int(SECONDS / seconds))) if seconds else 1)
        self._step, self._time = step, time.monotonic()
        return bool(save_now)
