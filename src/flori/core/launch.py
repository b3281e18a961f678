"""The launch of torchrun that this process is a worker of, and how the workers of one attempt find each other.

torchrun starts all workers again when one is lost, and keeps a store over that. Machines do not count attempts alike
(one that only hears of a failure counts none), and nothing in the environment says which attempt it is. So workers
agree on a name for theirs, under which nobody finds what those before them wrote.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

NAME, CALL = "flori/launch", "flori/call of"  # keys of the store
PAUSE = 0.02  # seconds between two looks into the store
INTERFACE = "GLOO_SOCKET_IFNAME"
_named: list[str] = []  # what a launch without a name of its own is called


def launch() -> str | None:
    """What this launch is called, by all its workers and their successors; None where torchrun did not start us, or
    where nothing tells it from other launches."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return next(iter(_named), None) if name == "none" else name


def unnamed() -> bool:
    """Whether the launch has no name of its own (no --rdzv-id), but a store that can keep one."""
    kept = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return os.environ.get("TORCHELASTIC_RUN_ID") == "none" and kept and not _named


def find_store(limit: timedelta) -> Any:
    """The store that torchrun keeps; a launch without a name gets one that lasts as long."""
    from torch.distributed import rendezvous

    store, *_ = next(rendezvous("env://", timeout=limit))
    if unnamed():
        _named[:] = [store.compare_set(NAME, "", uuid4().hex).decode()]
    return store


def meet(store: Any, rank: int, size: int, limit: timedelta) -> tuple[str, list[str]]:
    """A name for this attempt that all its ranks come to, and the address of each: each but the first calls by a name
    of its own until it is answered with the attempt's, and confirms that. So nobody heeds who was there before.

    Raises torch's DistStoreError if some rank does not come within the limit.
    """
    attempt = f"flori/{uuid4().hex}" if rank == 0 else _answered(store, rank, limit)
    store.set(f"{attempt}/{rank}", _address())
    if rank == 0:
        _answer(store, attempt, size, limit)
    keys = [f"{attempt}/{other}" for other in range(size)]
    store.wait(keys, limit)
    return attempt, [store.get(key).decode() for key in keys]


def _answered(store: Any, rank: int, limit: timedelta) -> str:
    mine = uuid4().hex
    store.set(f"{CALL} {rank}", mine)
    store.wait([f"{CALL} {mine}"], limit)
    return str(store.get(f"{CALL} {mine}").decode())


def _answer(store: Any, attempt: str, size: int, limit: timedelta) -> None:
    """Answer every call, old ones too, until all have confirmed the attempt or the time is over."""
    end, lacking = time.monotonic() + limit.total_seconds(), set(range(1, size))
    while lacking and time.monotonic() < end:
        for rank in [*lacking]:
            if store.check([f"{attempt}/{rank}"]):
                lacking.discard(rank)
            elif store.check([f"{CALL} {rank}"]):
                store.set(f"{CALL} {store.get(f'{CALL} {rank}').decode()}", attempt)
        time.sleep(PAUSE)


def take_the_way_to(addresses: Sequence[str]) -> None:
    """Have gloo listen where other machines reach this one. By itself it takes the address of this machine's own name,
    which on many is one that nobody else can reach (127.0.1.1)."""
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1" or INTERFACE in os.environ:
        return
    mine = next(filter(_is_outside, [_address(), *map(_own_address, filter(_is_outside, addresses))]), "")
    if name := _interface(mine):
        os.environ[INTERFACE] = name


def _is_outside(address: str) -> bool:
    return bool(address) and not address.startswith("127.")


def _address() -> str:
    """This machine's address as seen by others."""
    return _own_address(os.environ.get("MASTER_ADDR", ""))


def _own_address(other: str) -> str:
    """The address by which this machine reaches another; "" where there is none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))  # sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _interface(address: str) -> str | None:
    """The network interface that has an address."""
    import fcntl
    import struct

    for _, name in socket.if_nameindex():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                found = fcntl.ioctl(probe.fileno(), 0x8915, struct.pack("256s", name.encode()[:15]))  # SIOCGIFADDR
            except OSError:  # it has none
                continue
        if socket.inet_ntoa(found[20:24]) == address:
            return name
    return None
