"""flori bench."""

from __future__ import annotations

import platform
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flori.cli.printing import print_json, print_table
from flori.core.errors import UserError

if TYPE_CHECKING:
    from flori.benches.timing import Race

RACES = ("lenet", "resnet18", "lstm", "transformer", "transformer-lm")
BENCHES = (*RACES, "attention-cost")
ROUNDS = 7


def bench_systems(names: list[str], as_json: bool) -> None:
    """Race each named system, or all that have a bench, against what people would use; measure laws of cost."""
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
    found = {name: _races(name) if name in RACES else _laws(name) for name in names or BENCHES}
    if as_json:
        print_json({**machine, "benches": found})
        return
    print(f"{machine['machine']}; matrix products: bfloat16 {machine['bfloat16_flops'] / 1e9:,.0f} GFLOP/s, "
          f"float32 {machine['float32_flops'] / 1e9:,.0f} GFLOP/s")  # fmt: skip
    for name, bench in found.items():
        if "laws" in bench:
            _print_laws(name, bench["laws"])
        else:
            for race in bench["races"]:
                _print_race(name, race, machine["bfloat16_flops"])


def _print_race(name: str, race: dict[str, Any], ceiling: float) -> None:
    print(f"\n{name}: {race['about']}\n{race['unit']} a second in each of {ROUNDS} rounds")
    if "flops" in race:
        share = race["flops"] / ceiling
        print(f"flori computes {race['flops'] / 1e9:,.0f} GFLOP/s, {share:.0%} of the bfloat16 matrix product")
    rows = [
        [who, f"{one['median']:,.0f}", " ".join(f"{rate:,.0f}" for rate in one["rates"]), f"{one['ratio']:.2f}",
         " ".join(f"{ratio:.2f}" for ratio in one["ratios"])]
        for who, one in race["contestants"].items()
    ]  # fmt: skip
    print_table(["", "median", "rounds", "flori is × as fast", "pair by pair"], rows, numbers=[1, 3])


def _print_laws(name: str, laws: dict[str, dict[str, float]]) -> None:
    print(f"\n{name}: exponents of a layer's cost in the length n and the width d of a sequence, float32, one thread")
    rows = [
        [who, f"{law['n']:g}", f"{law['n_measured']:.2f}", f"{law['d']:g}", f"{law['d_measured']:.2f}",
         f"{2 * law['multiply_adds_per_second'] / 1e9:,.0f}"]
        for who, law in laws.items()
    ]  # fmt: skip
    head = ["", "n in theory", "measured", "d in theory", "measured", "GFLOP/s at best"]
    print_table(head, rows, numbers=[1, 2, 3, 4, 5])


def _laws(name: str) -> dict[str, Any]:
    def told(layer: str) -> None:
        if sys.stderr.isatty():
            print(f"{name}: {layer}", file=sys.stderr)

    return {"laws": _module(name).measure(told)}


def _races(name: str) -> dict[str, Any]:
    return {"races": [_run(name, race) for race in _module(name).races()]}


def _run(name: str, given: Race) -> dict[str, Any]:
    import statistics

    from flori.benches.timing import race

    def told(number: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: round {number} of {ROUNDS}", end="" if number < ROUNDS else "\n", file=sys.stderr)

    results = race(given.contestants, ROUNDS, given.seconds, told)
    described = {}
    for who, result in results.items():
        ratios = results["flori"].ratios(result)
        described[who] = {
            "median": result.median, "rates": result.rates, "ratio": statistics.median(ratios), "ratios": ratios,
        }  # fmt: skip
    found: dict[str, Any] = {"about": given.about, "unit": given.unit, "contestants": described}
    if given.work is not None:
        found["flops"] = results["flori"].median * given.work
    return found


def _module(name: str) -> Any:
    return import_module(f"flori.benches.{name.replace('-', '_')}")
