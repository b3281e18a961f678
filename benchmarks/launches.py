"""Small trainings under torchrun that can be looked into and disturbed from outside, for `failures.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

STEPS = 1200
TRAINING = ("mlp", "data=digits", "model.hidden=32", "model.dropout=0", "batch=61", "optimizer=nesterov")
TRAINING += ("precision=float64", "training.average=0.9", "training.checkpoint_seconds=0.3", "parallel.timeout=8")
PATIENCE = 600.0  # seconds that anything may take
CLOSE = 1e-6  # weights in float64 count as the same


@dataclass
class Launch:
    """A torchrun and the run that its workers write; what they say goes into a file."""

    process: subprocess.Popen[bytes]
    run: Path
    said: Path

    def workers(self) -> dict[int, int]:
        """The process numbers of the workers that live here, by their rank."""
        found = {}
        for number in _read(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")).split():
            words = _read(Path(f"/proc/{number}/environ")).split("\0")
            ranks = [int(word.removeprefix("RANK=")) for word in words if word.startswith("RANK=")]
            if ranks and "flori" in _read(Path(f"/proc/{number}/cmdline")):
                found[ranks[0]] = int(number)
        return found

    def steps(self) -> int:
        """Lines of metrics that are written by now."""
        return _read(self.run / "metrics.jsonl").count("\n")

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, until: Callable[[], bool], pause: float = 0.002, patience: float = PATIENCE) -> bool:
        """Whether it came so far before it ended."""
        end = time.monotonic() + patience
        while not until():
            if self.ended() or time.monotonic() > end:
                return False
            time.sleep(pause)
        return True

    def wait_for_steps(self, lines: int) -> bool:
        """Until so many lines of metrics are written."""
        return self.wait(lambda: self.steps() >= lines)

    def has_others(self, before: dict[int, int], count: int = 1) -> bool:
        """Whether so many workers live here, none of whom was there before."""
        found = self.workers()
        return len(found) >= count and not {*found.values()} & {*before.values()}

    def end(self) -> int:
        """Its exit status; after too long a time it is ended, which is no 0."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1

    def kill(self) -> None:
        """End torchrun and its workers as a machine that loses its power does."""
        numbers = [self.process.pid, *self.workers().values()]
        for number in numbers:
            os.kill(number, signal.SIGSTOP)  # none starts another, none says goodbye
        for number in numbers:
            os.kill(number, signal.SIGKILL)
        self.process.wait()


def launch(
    run: Path, options: Sequence[str], steps: int = STEPS, *, on: Sequence[str] = (), command: Sequence[str] = ()
) -> Launch:
    """Start torchrun with these options; `on` are words in front of it that take it to another place, and `command` is
    for its workers: the training into `run`, if nothing else is wanted."""
    words = command or ("train", *TRAINING, f"steps={steps}", "--dir", str(run), "--quiet")
    torchrun = [sys.executable, "-m", "torch.distributed.run", *options, "-m", "--", "flori", *words]
    said = run.with_name(f"{run.name}-{sum(1 for _ in run.parent.glob('*.txt'))}.txt")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    with open(said, "wb") as file:
        process = subprocess.Popen([*on, *torchrun], stdout=file, stderr=file, env=environment)
    return Launch(process, run, said)


def one_machine(workers: int, restarts: int = 4) -> tuple[str, ...]:
    return ("--standalone", f"--nproc-per-node={workers}", f"--max-restarts={restarts}")


def undisturbed(folder: Path, workers: int, steps: int = STEPS) -> Path:
    """The run of so many workers that nothing befell."""
    run = folder / f"undisturbed-{workers}-{steps}"
    if not run.exists():
        group = launch(run, one_machine(workers, 0), steps)
        if group.end() != 0:
            raise SystemExit(f"the undisturbed run of {workers} failed:\n{group.said.read_text()}")
    return run


def compared(one: Path, other: Path) -> tuple[float, bool]:
    """The largest difference of any weight of two runs, and whether they are equal bit for bit."""
    a, b = (load_file(run / "model" / "model.safetensors") for run in (one, other))
    if a.keys() != b.keys():
        return float("inf"), False
    return max(float((a[k] - b[k]).abs().max()) for k in a), all(torch.equal(a[k], b[k]) for k in a)


def verdict(launches: Sequence[Launch], run: Path, like: Path) -> tuple[bool, bool, str]:
    """Whether all ended well and with the right weights, whether bit for bit, and that in words."""
    statuses = [one.end() for one in launches]
    if any(statuses) or not (run / "summary.json").exists():
        said = "\n".join(one.said.read_text()[-2000:] for one in launches)
        return False, False, f"WRONG: exit {statuses}\n{said}"
    most, same = compared(run, like)
    left = sorted(str(path.relative_to(run)) for path in run.rglob(".aside-*"))
    right = most <= CLOSE and not left
    what = "bit for bit" if same else f"largest difference {most:.1e}"
    return right, same, f"{'right' if right else 'WRONG'}: exit {statuses}, {what}{f', left {left}' if left else ''}"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
