"""Groups of processes on this machine, started by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 900.0  # a busy machine takes its time


def torchrun(ranks: int, *words: str, more: Sequence[str] = ()) -> list[str]:
    """The command that starts so many processes, each with these words; `more` are for torchrun."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return [*launcher, *more, *words]


def environment() -> dict[str, str]:
    """One thread each, warnings as errors, this folder's modules."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "TORCH_CPP_LOG_LEVEL": "ERROR"}


def run_together(ranks: int, *words: str, more: Sequence[str] = ()) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a group."""
    done = subprocess.run(
        torchrun(ranks, *words, more=more), capture_output=True, text=True, timeout=PATIENCE, env=environment()
    )
    return done.returncode, done.stdout, done.stderr


def start_together(ranks: int, *words: str, more: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A group that is under way."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(torchrun(ranks, *words, more=more), env=environment(), **pipes)


def workers(group: subprocess.Popen[str]) -> list[int]:
    """The process numbers of a group's workers that live, in the order of their start."""
    found = Path(f"/proc/{group.pid}/task/{group.pid}/children").read_text().split()
    return [int(one) for one in found if b"flori" in Path(f"/proc/{one}/cmdline").read_bytes()]


def messages(said: str, words: str) -> list[str]:
    """The lines in which flori said such words, of the standard error of a group. torchrun says them again in its table
    of who failed."""
    return [line for line in said.splitlines() if line.startswith("flori: ") and words in line]


def lines(path: Path) -> int:
    """How many lines a file has by now."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(path: Path, count: int, group: subprocess.Popen[str]) -> None:
    """Until the file has so many lines, or the group has ended."""
    end = time.monotonic() + PATIENCE
    while lines(path) < count and group.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
