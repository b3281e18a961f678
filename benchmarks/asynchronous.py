"""Workers that wait for each other against workers that do not: accuracy against time, with and without a slow worker.

    python benchmarks/asynchronous.py [PICTURE [key=value …]]

Two workers learn the digits in float32 by momentum, in turn: synchronously (parallel=data), and asynchronously
(parallel=async, with a third process that owns the weights); as they are, and with one of them four times as slow. Each
way is run for several seeds; the curve is of the seed with the median time. Seconds are those of training, with its
judgements. Further words are settings of all runs, in place of those here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

SYSTEM = "lenet"
SETTINGS = (
    *("data=digits", "data.valid=0.1", "batch=256", "steps=600", "training.judge_every=10"),
    *("optimizer=momentum", "lr=0.02", "schedule=linear", "precision=float32", "device=cpu"),
)
WORKERS, SLOW, SEEDS = 2, 4, (0, 1, 2)
WAYS = {
    "synchronous": (WORKERS, ("parallel=data",)),
    "synchronous, one slow": (WORKERS, ("parallel=data", f"parallel.slow=1:{SLOW}")),
    "asynchronous": (WORKERS + 1, ("parallel=async",)),
    "asynchronous, one slow": (WORKERS + 1, ("parallel=async", f"parallel.slow=1:{SLOW}")),
}
COLOURS, STYLES = {"synchronous": "#22303c", "asynchronous": "#c8553d"}, {False: "-", True: "--"}


def main() -> None:
    """Run all, print a line each, draw the picture."""
    words = sys.argv[1:]
    picture = Path(words.pop(0) if words and "=" not in words[0] else "asynchronous.png")
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for seed in SEEDS:
        for way, (processes, settings) in WAYS.items():
            found = trained(processes, [*settings, *words, f"seed={seed}"])
            runs[way].append(found)
            stale = found["summary"].get("staleness", {})
            behind = f"   staleness mean {stale['mean']:.2f}, max {stale['max']}" if stale else ""
            print(f"seed {seed}   {way:24} {found['seconds'][-1]:7.2f} s   test accuracy "
                  f"{found['summary']['scores']['test']['accuracy']:.4f}{behind}", flush=True)  # fmt: skip
    medians = {way: sorted(found, key=lambda one: one["seconds"][-1])[len(found) // 2] for way, found in runs.items()}
    for way, found in medians.items():
        print(f"median   {way:24} {found['seconds'][-1]:7.2f} s   to 0.95 of the valid part: {first(found, 0.95)}")
    draw(medians, picture)
    print(f"picture {picture}")


def trained(processes: int, settings: list[str]) -> dict[str, Any]:
    """Seconds and accuracies of a run by its judgements, and its summary."""
    with tempfile.TemporaryDirectory() as folder:
        group = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "--"]
        last = dict(word.split("=", 1) for word in (*SETTINGS, *settings))
        words = ["flori", "train", SYSTEM, *map("=".join, last.items()), "--dir", f"{folder}/run", "--quiet"]
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        done = subprocess.run([sys.executable, *group, *words], capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(done.stderr)
        lines = [json.loads(line) for line in Path(folder, "run/metrics.jsonl").read_text().splitlines()]
        judged = [line for line in lines if line["split"] == "valid" and "accuracy" in line]
        return {
            "seconds": [line["seconds"] for line in judged],
            "accuracy": [line["accuracy"] for line in judged],
            "summary": json.loads(Path(folder, "run/summary.json").read_text()),
        }


def first(found: dict[str, Any], accuracy: float) -> str:
    """The seconds after which an accuracy was first reached."""
    reached = [s for s, a in zip(found["seconds"], found["accuracy"], strict=True) if a >= accuracy]
    return f"{reached[0]:.2f} s" if reached else "never"


def draw(found: dict[str, dict[str, Any]], picture: Path) -> None:
    """Accuracy on the valid part against seconds, a curve for each way."""
    figure = Figure(figsize=(8, 4), layout="constrained", dpi=110)
    axis = figure.add_subplot()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#e3e7ea", linewidth=0.8)
    for way, one in found.items():
        name, _, slow = way.partition(",")
        look = {"color": COLOURS[name], "linestyle": STYLES[bool(slow)], "label": way}
        axis.plot(one["seconds"], one["accuracy"], **look)
    axis.set(xlabel="seconds", ylabel="accuracy, valid part", ylim=(0.8, 1.0))
    axis.legend(frameon=False, loc="lower right")
    figure.savefig(picture)


if __name__ == "__main__":
    main()
