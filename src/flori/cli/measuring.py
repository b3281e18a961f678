"""A process that measures the memory of its own training step, ``python -m flori.cli.measuring``: the recipe on
standard input, the bytes as JSON on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from typing import Any

from flori.core.errors import UserError
from flori.core.overrides import apply_values
from flori.core.recipe import Recipe, values
from flori.recipes.catalogue import find


def measured_alone(recipe: Recipe) -> dict[str, int | None]:
    """The bytes that a training step of the recipe takes at its peak, measured in a fresh process (see
    `flori.recipes.memory.measured`)."""
    import torch

    from flori.recipes.memory import ALONE

    asked = {"system": recipe.system, "values": values(recipe), "threads": torch.get_num_threads()}
    done = subprocess.run(
        [sys.executable, "-m", "flori.cli.measuring"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={**os.environ, **ALONE},
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"--measure: the process that measures ended with status {done.returncode}: {last}")
    found: dict[str, int | None] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Measure what standard input asks for."""
    asked: dict[str, Any] = json.loads(sys.stdin.read())
    import torch

    from flori.recipes.assembly import assemble
    from flori.recipes.memory import measured

    torch.set_num_threads(asked["threads"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the profiler's own
        print(json.dumps(measured(assemble(apply_values(find(asked["system"]), asked["values"])))))


if __name__ == "__main__":
    main()
