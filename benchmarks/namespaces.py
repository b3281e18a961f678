"""Two machines made of network namespaces: an address and a name each, a link between them that can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NAMES = ("flori-one", "flori-two")
ADDRESSES = ("10.77.0.1", "10.77.0.2")


@dataclass(frozen=True)
class Machines:
    """Their names, by which each finds the other. As many systems do, each takes its own name for 127.0.1.1."""

    names: tuple[str, ...] = NAMES

    def on(self, number: int) -> tuple[str, ...]:
        """Words in front of a command that run it there."""
        name = self.names[number]
        return ("ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh")

    def cut(self, number: int) -> None:
        """Take the machine off the network."""
        _ip("-n", self.names[number], "link", "set", self.names[number], "down")

    def mend(self, number: int) -> None:
        _ip("-n", self.names[number], "link", "set", self.names[number], "up")


@contextmanager
def two_machines() -> Iterator[Machines]:
    """Within it they exist. Wants root; leaves nothing behind."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise SystemExit("network namespaces want root and iproute2")
    _remove()
    try:
        for name in NAMES:
            _ip("netns", "add", name)
        _ip("link", "add", NAMES[0], "netns", NAMES[0], "type", "veth", "peer", "name", NAMES[1], "netns", NAMES[1])
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", name)
            for link in ("lo", name):
                _ip("-n", name, "link", "set", link, "up")
            _name_hosts(name)
        yield Machines()
    finally:
        _remove()


def _name_hosts(name: str) -> None:
    """What `ip netns exec` shows there as /etc/hosts."""
    folder = Path("/etc/netns") / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["127.0.0.1 localhost"]
    known = zip(NAMES, ADDRESSES, strict=True)
    lines += [f"{'127.0.1.1' if other == name else address} {other}" for other, address in known]
    (folder / "hosts").write_text("\n".join(lines) + "\n")


def _remove() -> None:
    for name in NAMES:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)
        shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"ip {' '.join(words)}: {done.stderr.strip()}")
