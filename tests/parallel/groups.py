"""Groups of processes on this machine, started by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 300.0


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
