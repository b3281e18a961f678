"""Runs as processes of their own, killed and gone on with."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

PATIENCE = 120.0  # seconds that a process may take to come to the point where it is killed


def start(*words: str, code: str = "") -> subprocess.Popen[str]:
    """``flori …`` as a process; `code` is run in it first."""
    program = f"{code}\nimport sys, flori.cli\nsys.argv[0] = 'flori'\nflori.cli.main()"
    command = [sys.executable, "-c", program, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def run(*words: str, code: str = "") -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a finished ``flori …``."""
    process = start(*words, code=code)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def kill_while_training(folder: Path, words: tuple[str, ...], rng: random.Random, longest: float) -> bool:
    """Start `words`, and kill −9 at a random moment after its first line of metrics; whether it was in time."""
    seen = (folder / "metrics.jsonl").stat().st_size if (folder / "metrics.jsonl").exists() else 0
    process, begun = start(*words), time.monotonic()
    while process.poll() is None and time.monotonic() - begun < PATIENCE:
        try:
            if (folder / "metrics.jsonl").stat().st_size != seen:
                break
        except FileNotFoundError:
            pass
        time.sleep(0.005)
    time.sleep(rng.uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
