"""Step times that `flori inspect --scale` predicts for workers on this machine, against those that torchrun shows.

    FLORI_DATA=… python benchmarks/scaling.py [ROUNDS] [SYSTEM [key=value …]]

In each round a prediction is made, then a training by each number of workers follows; the ratios are of one round, so
that a machine that slows down slows both. At the end their medians, and the table for 8 to 1,024 machines. Of a
training the time of its updates counts, as `examples_per_second` in summary.json does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

CASES = {
    "lenet": ("data.examples=1536",),  # whole batches only
    "lstm": ("data.order=random",),
    "resnet-cifar": ("data=digits", "data.examples=1536", "batch=128", "data.flip=false"),
}
WORKERS = (1, 2, 4)
SECONDS, FEWEST = 20.0, 60  # of a training, about, and its steps at the least
MARGIN = 0.15
MANY = 1024


def main() -> None:
    """Run the rounds of each system, and print the ratios as they come."""
    words = sys.argv[1:]
    rounds = int(words.pop(0)) if words and words[0].isdigit() else 3
    cases = {words[0]: tuple(words[1:])} if words else CASES
    held = []
    for system, settings in cases.items():
        ratios: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        for _ in range(rounds):
            found = predicted(system, settings, max(WORKERS))
            times = {1: found["alone"], **{row["workers"]: row["step"] for row in found["here"]}}
            for workers, seconds in times.items():
                took = trained(system, settings, workers, seconds, found)
                ratios[workers].append(seconds / took)
                print(
                    f"{system:14} {workers} workers   predicted {1000 * seconds:8.2f} ms   measured "
                    f"{1000 * took:8.2f} ms   ratio {seconds / took:.3f}",
                    flush=True,
                )
        medians = {workers: statistics.median(found) for workers, found in ratios.items()}
        held.append(all(abs(medians[workers] - 1) <= MARGIN for workers in WORKERS[1:]))
        print(f"{system:14} medians", {workers: round(ratio, 3) for workers, ratio in medians.items()},
              f"within {MARGIN:.0%}: {'yes' if held[-1] else 'no'}\n", flush=True)  # fmt: skip
    print(f"{sum(held)} of {len(held)} systems within {MARGIN:.0%} for 2 and 4 workers\n")
    for system, settings in cases.items():
        subprocess.run([*flori("inspect", system, *settings), "--scale", str(MANY)], check=True)


def flori(*words: str) -> list[str]:
    return [sys.executable, "-m", "flori", *words]


def predicted(system: str, settings: tuple[str, ...], most: int) -> dict[str, Any]:
    """What `flori inspect --scale` says."""
    command = [*flori("inspect", system, *settings), "--scale", str(most), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def trained(system: str, settings: tuple[str, ...], workers: int, seconds: float, found: dict[str, Any]) -> float:
    """Seconds of a step of so many workers that train, with as many threads as the prediction was made for."""
    steps = max(FEWEST, int(SECONDS / seconds))
    threads = {row["workers"]: row["threads"] for row in found["here"]}.get(workers, found["threads"])
    more = [f"steps={steps}", f"training.judge_every={steps}", "training.checkpoint_seconds=3600"]
    group = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={workers}"] if workers > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", system, *settings, *more, "--dir", f"{folder}/run", "--quiet", "--json"]
        command = [sys.executable, *group, "-m", *(["--"] if group else []), "flori", *words]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return float(found["targets"] / json.loads(out)["examples_per_second"])


if __name__ == "__main__":
    main()
