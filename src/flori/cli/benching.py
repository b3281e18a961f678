"""flori bench."""

from __future__ import annotations

import platform
import sys
from importlib import import_module
from typing import Any

from flori.cli.printing import print_json, print_table
from flori.core.errors import UserError

BENCHES = ("lenet", "resnet18")
ROUNDS = 7


def bench_systems(names: list[str], as_json: bool) -> None:
    """Race each named system, or all that have a bench, against what people would use instead."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise UserError(f"there is no bench of {', '.join(unknown)}; there is one of {', '.join(BENCHES)}")
    import torch

    from flori.benches.timing import ceiling

    machine: dict[str, Any] = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "bfloat16_flops": ceiling(torch.bfloat16),
        "float32_flops": ceiling(torch.float32),
    }
    found = {name: _race(name) for name in names or BENCHES}
    if as_json:
        print_json({**machine, "benches": found})
        return
    print(f"{machine['machine']}; matrix products: bfloat16 {machine['bfloat16_flops'] / 1e9:,.0f} GFLOP/s, "
          f"float32 {machine['float32_flops'] / 1e9:,.0f} GFLOP/s")  # fmt: skip
    for name, bench in found.items():
        print(f"\n{name} on {bench['data']}, examples a second in each of {ROUNDS} rounds")
        if "flops" in bench:
            share = bench["flops"] / machine["bfloat16_flops"]
            print(f"flori computes {bench['flops'] / 1e9:,.0f} GFLOP/s, {share:.0%} of the bfloat16 matrix product")
        rows = [
            [who, f"{one['median']:,.0f}", " ".join(f"{rate:,.0f}" for rate in one["rates"]), f"{one['ratio']:.2f}",
             " ".join(f"{ratio:.2f}" for ratio in one["ratios"])]
            for who, one in bench["contestants"].items()
        ]  # fmt: skip
        print_table(["", "median", "rounds", "flori is × as fast", "pair by pair"], rows, numbers=[1, 3])


def _race(name: str) -> dict[str, Any]:
    import statistics

    from flori.benches.timing import race

    bench = import_module(f"flori.benches.{name}")
    contestants = bench.contestants()

    def told(number: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: round {number} of {ROUNDS}", end="" if number < ROUNDS else "\n", file=sys.stderr)

    results = race(contestants, ROUNDS, bench.SECONDS, told)
    described = {}
    for who, result in results.items():
        ratios = results["flori"].ratios(result)
        described[who] = {
            "median": result.median, "rates": result.rates, "ratio": statistics.median(ratios), "ratios": ratios,
        }  # fmt: skip
    found = {"data": bench.source(), "contestants": described}
    if hasattr(bench, "work"):
        found["flops"] = results["flori"].median * bench.work()
    return found
