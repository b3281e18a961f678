"""A PostgreSQL server of the tests' own: in a folder that goes away, on loopback, as a user without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
MISSING = "no PostgreSQL server is installed here (Debian: apt-get install postgresql)"


@contextmanager
def server() -> Iterator[str]:
    """The address of a fresh server, which is stopped in the end."""
    home = Path(tempfile.mkdtemp(prefix="flori-postgres-"))
    who = _without_rights(home)
    programs, folder, port = PROGRAMS[-1].parent, home / "data", _free_port()
    try:
        _run([programs / "initdb", "-D", folder, "-U", "flori", "-A", "trust", "-N", "--no-instructions"], who)
        options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        start = [programs / "pg_ctl", "-D", folder, "-w", "-t", "120", "-l", home / "log", "-o", options, "start"]
        _run(start, who)
        try:
            yield f"postgresql+psycopg://flori@127.0.0.1:{port}/postgres"
        finally:
            _run([programs / "pg_ctl", "-D", folder, "-m", "immediate", "-w", "stop"], who)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _without_rights(home: Path) -> dict[str, Any]:
    """How to run as somebody else: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {one.pw_name: one for one in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _run(command: list[object], who: dict[str, Any]) -> None:
    words = list(map(str, command))
    with tempfile.TemporaryFile() as said:  # a pipe might stay open in the server
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=False, **who)
        said.seek(0)
        assert done.returncode == 0, f"{words}: {said.read().decode()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
