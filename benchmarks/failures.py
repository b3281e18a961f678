"""What befalls workers under torchrun, and how their runs end: killed, hung, cut off, fewer, two groups on one folder.

    python benchmarks/failures.py kills [N [SEED]]     N trainings, in each a worker or two killed at a random moment
    python benchmarks/failures.py hang                 a worker that is stopped (SIGSTOP) and answers no more
    python benchmarks/failures.py cut [SECONDS …]      two network namespaces; their link is cut for so long, and mended
    python benchmarks/failures.py fewer                two machines, one of which is lost and comes back (--nnodes 1:2)
    python benchmarks/failures.py twice                a second group on a folder that one trains into

`cut` and `fewer` want Linux, root and iproute2. A right end is exit status 0 and, in float64, the weights of a run that
nothing befell.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from launches import Launch, launch, one_machine, undisturbed, verdict
from namespaces import Machines, two_machines

MOMENTS = ("start", "training", "training", "checkpoint", "report")
CUT = (20.0,)  # seconds
LONG = 6000  # steps: long enough to have others try meanwhile


def main() -> None:
    words = sys.argv[1:] or ["kills"]
    with tempfile.TemporaryDirectory() as folder:
        {"kills": kills, "hang": hang, "cut": cut, "fewer": fewer, "twice": twice}[words[0]](Path(folder), *words[1:])


def kills(folder: Path, count: str = "30", seed: str = "0") -> None:
    """Kill random workers at random moments."""
    rng, right, same, seconds, killed = random.Random(int(seed)), 0, 0, [], 0
    for number in range(int(count)):
        workers = 3 if number % 5 == 4 else 2
        like = undisturbed(folder, workers)
        run = folder / f"killed-{number}"
        group, done = launch(run, one_machine(workers)), []
        for _ in range(1 + (rng.random() < 0.5)):
            moment = rng.choice(MOMENTS)
            rank, took = kill_one(group, moment, rng)
            if took is not None:
                done.append(f"rank {rank} at {moment} ({took:.1f} s)")
                seconds.append(took)
        killed += len(done)
        ok, bits, text = verdict([group], run, like)
        right, same = right + ok, same + bits
        print(f"{number + 1:3} {workers} workers  killed {', '.join(done) or 'nobody in time'}  {text}", flush=True)
    print(f"{count} trainings, {killed} kills: {right} right ends, {same} bit for bit; seconds until all were started "
          f"again: median {sorted(seconds)[len(seconds) // 2]:.1f}, most {max(seconds):.1f}")  # fmt: skip


def kill_one(group: Launch, moment: str, rng: random.Random) -> tuple[int, float | None]:
    """Kill a random worker at such a moment; its rank, and after how many seconds all had been started again."""
    lines = group.steps() + rng.randint(1, 120)
    due = {
        "start": lambda: bool(group.workers()),
        "training": lambda: group.steps() >= lines,
        "checkpoint": lambda: any((group.run / "checkpoints").glob(".aside-*")),
        "report": lambda: (group.run / "model" / "model.safetensors").exists(),
    }
    longest = {"start": 6.0, "training": 0.1, "checkpoint": 0.02, "report": 1.0}
    if not group.wait(due[moment]):
        return -1, None
    time.sleep(rng.uniform(0, longest[moment]))
    return disturb(group, signal.SIGKILL, rng)


def disturb(group: Launch, by: signal.Signals, rng: random.Random) -> tuple[int, float | None]:
    """Send a random worker a signal; its rank, and after how many seconds there were others in place of all."""
    before, begun = group.workers(), time.monotonic()
    if not before:
        return -1, None
    rank = rng.choice(sorted(before))
    os.kill(before[rank], by)
    group.wait(lambda: group.has_others(before, len(before)))
    return rank, None if group.ended() else time.monotonic() - begun


def hang(folder: Path, count: str = "4", seed: str = "0") -> None:
    """Stop a worker: it is there and does not answer."""
    rng = random.Random(int(seed))
    for number in range(int(count)):
        run = folder / f"hung-{number}"
        group = launch(run, one_machine(2))
        group.wait_for_steps(rng.randint(10, 100))
        rank, took = disturb(group, signal.SIGSTOP, rng)
        *_, text = verdict([group], run, undisturbed(folder, 2))
        print(f"rank {rank} stopped; all started again after {took or -1:.1f} s  {text}", flush=True)


def cut(folder: Path, *seconds: str) -> None:
    """Cut the link between two machines, at the end of the one that hosts the rendezvous and at that of the other."""
    for number, (long, end) in enumerate((float(s), end) for s in seconds or CUT for end in (0, 1)):
        run = folder / f"cut-{number}"
        with two_machines() as machines:
            groups = [one(machines, run, "2", number, *bearing(long)) for number in (0, 1)]
            if not groups[0].wait_for_steps(30):
                raise SystemExit("\n".join(one.said.read_text() for one in groups))
            took = cut_link(machines, groups, end, long)
            *_, text = verdict(groups, run, undisturbed(folder, 2))
        print(f"cut at machine {end} for {long:.0f} s; first worker again after {took:.1f} s  {text}", flush=True)


def cut_link(machines: Machines, groups: list[Launch], end: int, seconds: float) -> float:
    """Cut it for so long; the seconds until the first machine has another worker."""
    before, begun = groups[0].workers(), time.monotonic()
    machines.cut(end)
    time.sleep(seconds)
    machines.mend(end)
    groups[0].wait(lambda: groups[0].has_others(before))
    return time.monotonic() - begun


def bearing(seconds: float) -> tuple[str, ...]:
    """Options by which torchrun outlives a cut: it gives up after a minute."""
    return () if seconds < 50 else (f"--rdzv-conf=read_timeout={seconds * 4:.0f}",)


def one(machines: Machines, run: Path, nodes: str, number: int, *more: str) -> Launch:
    options = ("--nnodes", nodes, "--nproc-per-node=1", "--max-restarts=4", "--rdzv-backend=c10d", *more)
    return launch(run, (*options, f"--rdzv-endpoint={machines.names[0]}:29400"), on=machines.on(number))


def fewer(folder: Path) -> None:
    """Lose a machine of two, go on with the other, and have it come back."""
    run = folder / "fewer"
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # else torch 2.14 lets nobody join who was not there before
    more = ("--rdzv-id=fewer", "--rdzv-conf=last_call_timeout=5")
    with two_machines() as machines:
        first, second = (one(machines, run, "1:2", number, *more) for number in (0, 1))
        first.wait_for_steps(30)
        before, begun = first.workers(), time.monotonic()
        machines.cut(1)  # nobody says goodbye
        second.kill()
        first.wait(lambda: first.has_others(before))
        print(f"machine 1 lost; machine 0 alone again after {time.monotonic() - begun:.1f} s", flush=True)
        first.wait_for_steps(first.steps() + 10)
        machines.mend(1)
        before, begun = first.workers(), time.monotonic()
        third = one(machines, run, "1:2", 1, *more)
        first.wait(lambda: first.has_others(before))
        print(f"machine 1 back; both again after {time.monotonic() - begun:.1f} s", flush=True)
        *_, text = verdict([first, third], run, undisturbed(folder, 2))
    print(f"two, one, two machines  {text}", flush=True)


def twice(folder: Path) -> None:
    """Start a resume by two, and a training, on a folder that a group trains into."""
    run = folder / "twice"
    first = launch(run, one_machine(2), LONG)
    first.wait_for_steps(10)
    others = [launch(run, one_machine(2, 1), command=command) for command in (("resume", str(run), "--quiet"), ())]
    for name, second in zip(("resume", "train"), others, strict=True):
        status, still = second.end(), not first.ended()
        lines = {line for line in second.said.read_text().splitlines() if line.startswith("flori:")}
        print(f"{name} {'beside' if still else 'AFTER'} the first: exit {status}, {lines}", flush=True)
    *_, text = verdict([first], run, undisturbed(folder, 2, LONG))
    print(f"first group  {text}", flush=True)


if __name__ == "__main__":
    main()
