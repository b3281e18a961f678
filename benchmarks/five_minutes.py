"""Every network of convolutions on the same set, each given the same five minutes of training.

    FLORI_DATA=… python benchmarks/five_minutes.py [SYSTEM …]

The number of steps is what a short trial says fits into the time; then `flori train` runs as a user types it, as a
process of its own, judging every fifth epoch. What it reached is kept in benchmarks/five_minutes.json, from which the
table benchmarks/five_minutes.md is written, and as evidence of the recipe.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from evidence import HOME, stated

from flori import models
from flori.benches.timing import ceiling
from flori.core.overrides import apply_values
from flori.models.shapes import layers
from flori.recipes.assembly import assemble
from flori.recipes.catalogue import ALL, find
from flori.training.loop import loop

SECONDS, TRIAL, SHARE = 300.0, 12.0, 0.94  # what is left is for judging
DATA = "cifar10-5k"
SETTINGS: dict[str, dict[str, object]] = {
    "lenet": {"lr": 0.003},  # its recipe is made for a few passes; at that rate it dies in three hundred
}
KEPT = Path(__file__).with_suffix(".json")
SHAPE = (3, 32, 32)


def rate(system: str, settings: dict[str, object]) -> float:
    """Steps a second, after the first few."""
    run = assemble(apply_values(find(system), {"data": DATA, **settings}))
    steps = loop(run.state, run.batches, run.update, 10**9, 0)
    for _ in range(3):
        next(steps)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < TRIAL or count < 3:
        next(steps)
        count += 1
    return count / (time.perf_counter() - start)


def train(system: str, settings: dict[str, object]) -> dict[str, object]:
    """One run of five minutes, with the most memory that it had."""
    best = ceiling(torch.bfloat16)
    # In a process of its own: a child's most memory counts what its parent held when it began.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        steps = max(1, int(SECONDS * SHARE * pool.submit(rate, system, settings).result()))
    words = ["train", system, f"data={DATA}", f"steps={steps}", *(f"{k}={v}" for k, v in settings.items())]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "flori", *words, "training.judge_every=5", "--run", f"{folder}/run", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, summary
    options = {key.removeprefix("model."): value for key, value in settings.items() if key.startswith("model.")}
    built = models.build(system, 10, SHAPE, options)
    work = 6 * sum(int(layer["multiply_adds"]) for layer in layers(built, torch.zeros(1, *SHAPE)))
    return {
        **stated(words, summary),
        "examples_per_second": summary["examples_per_second"],
        "gigaflops": summary["examples_per_second"] * work / 1e9,
        "ceiling_gigaflops": best / 1e9,
        "peak_mebibytes": usage.ru_maxrss / 1024,
    }


def table(found: dict[str, dict[str, object]]) -> str:
    """The table as Markdown."""
    lines = [
        f"# Five minutes each on {DATA}",
        "",
        "Written by `python benchmarks/five_minutes.py`: 4,000 pictures to learn from, 1,000 to be judged by. Per cent",
        "of the ceiling: the network's multiply-adds, three times for the gradients and two operations each, against",
        "the best bfloat16 matrix product measured just before the run.",
        "",
        "| system | test accuracy | top 5 | parameters | seconds | examples/s | GFLOP/s | % of ceiling | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for system in (recipe.system for recipe in ALL if recipe.system in found):
        one = found[system]
        share = 100 * one["gigaflops"] / one["ceiling_gigaflops"]
        lines.append(
            f"| `{system}` | {one['scores']['accuracy']:.3f} | {one['scores']['top5']:.3f} | {one['parameters']:,} | "
            f"{one['seconds']:.0f} | {one['examples_per_second']:,.0f} | {one['gigaflops']:,.0f} | {share:.0f} | "
            f"{one['peak_mebibytes']:,.0f} |"
        )
    machines = sorted({one["machine"] for one in found.values()})
    return "\n".join([*lines, "", f"Machine: {'; '.join(machines)}.", ""])


def main() -> None:
    found = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for system in sys.argv[1:] or [recipe.system for recipe in ALL if recipe.convolutional]:
        found[system] = train(system, SETTINGS.get(system, {}))
        print(shlex.join(["flori", "train", system]), found[system], flush=True)
        KEPT.write_text(json.dumps(found, indent=2) + "\n")
        KEPT.with_suffix(".md").write_text(table(found))
        evidence = json.loads(HOME.read_text())
        fields = ("command", "data", "scores", "parameters", "seconds", "machine", "date")
        others = [one for one in evidence.get(system, []) if one["data"] != DATA]
        evidence[system] = [{field: found[system][field] for field in fields}, *others]
        HOME.write_text(json.dumps(evidence, indent=2) + "\n")


if __name__ == "__main__":
    main()
