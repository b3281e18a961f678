"""flori inspect --order: what it costs to go against the order of memory, and to loop."""

from __future__ import annotations

import sys
from typing import Any

from flori.cli.printing import print_json, print_table
from flori.cli.targets import recipe_of


def compare_orders(target: str, settings: list[str], as_json: bool) -> None:
    """Race rows against columns and a vector against a loop on this machine, whatever system is named, if any."""
    if target:
        recipe_of(target, settings)
    from flori.benches.order import ROUNDS, races
    from flori.benches.timing import race

    def told(number: int) -> None:
        print(f"flori: round {number} of {ROUNDS}", file=sys.stderr)

    found: list[dict[str, Any]] = []
    for one, why in races():
        rates = {name: one_of.median for name, one_of in race(one.contestants, ROUNDS, one.seconds, told).items()}
        first, second = rates.values()
        found.append({"about": one.about, "numbers_a_second": rates, "times_as_fast": first / second, "why": why})
    if as_json:
        print_json({"orders": found})
    else:
        for one_order in found:
            _print(one_order)


def _print(found: dict[str, Any]) -> None:
    first, second = found["numbers_a_second"]
    rows = [[name, f"{rate / 1e6:,.2f}"] for name, rate in found["numbers_a_second"].items()]
    print_table([found["about"], "million a second"], rows, numbers=[1])
    print(f"{first} is {found['times_as_fast']:,.1f} times as fast as {second}: {found['why']}\n")
