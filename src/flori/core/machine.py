"""What the machine offers to this process."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

CONTAINER = Path("/sys/fs/cgroup/memory.max")  # Linux: what a container is given


def cores() -> int:
    """The cores that this process may use: where several train together on one machine, its share of them."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // workers_here())


def memory() -> int:
    """Bytes of memory in all, not only what is free now: the same at every start. Where several train together on one
    machine, the share of each."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit
        whole = min(whole, int(CONTAINER.read_text()))
    return whole // workers_here()


def workers_here() -> int:
    """The workers that torchrun started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))
