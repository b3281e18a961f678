"""A rank that others wait for in vain, and which of those that fail says so."""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta

from flori.core.ranks import current, launched, shared

FAILED = "flori: the first failure of a rank"  # a key of the store that all ranks share
REPORTED = 3.0  # seconds that a failing rank may take to say why, before others say that it is gone
SILENCE = 10.0  # seconds that those who say nothing outlive it at most: torchrun ends all once one has ended
told_to_end = threading.Event()  # torchrun knows already, and waits for us to end before it starts others


def is_lost(problem: BaseException) -> bool:
    """Whether a failure is that of talking to another rank: it has ended, hangs, or the network is cut."""
    if launched().alone or not isinstance(problem, RuntimeError):
        return False
    import torch.distributed as dist

    return isinstance(problem, dist.DistError) or any(word in str(problem) for word in ("gloo", "NCCL", "TCPStore"))


def speaks(lost: bool = False) -> bool:
    """Whether this rank is to say that it failed: of all that fail, the first to ask is.

    Args:
        lost: it failed for want of another rank, which may say better why, and so is given the time to.
    """
    ranks = launched()
    if ranks.alone:
        return True
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # torchrun may end us while we wait
    if ranks.first if current().alone else _is_first_to_fail(lost):
        return True
    if not told_to_end.is_set():
        time.sleep(SILENCE)
    return False


def _is_first_to_fail(lost: bool) -> bool:
    """Whether nobody failed before. The store may be out of reach, and answer when the network is mended: that is not
    waited for, as torchrun learns of the failure by our end."""
    if not shared:  # the group was joined by somebody else
        return current().first
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.append(_ask_the_store(lost)), daemon=True)
    asking.start()
    asking.join(2 * REPORTED)
    return answers[0] if answers else True


def _ask_the_store(lost: bool) -> bool:
    store, rank = shared[0], str(current().rank)
    try:
        if lost and not told_to_end.is_set():
            store.wait([FAILED], timedelta(seconds=REPORTED))
            return False
    except RuntimeError:  # nobody said anything
        pass
    try:
        return bool(store.compare_set(FAILED, "", rank).decode() == rank)
    except RuntimeError:  # the one who kept the store is gone, who was the first
        return current().rank <= 1
