"""flori inspect --profile: where the time of training steps goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from flori.cli.printing import print_json, print_table
from flori.cli.targets import recipe_of

SECONDS = 8.0  # that it takes, about, and as long again for the steps on which nobody looks
LINE_SECONDS = 2.0  # between two lines on how far it is


def profile_steps(target: str, settings: list[str], as_json: bool) -> None:
    """Print by layer what part of a training step takes how long, the slowest first."""
    recipe = recipe_of(target, settings)
    from flori.recipes.assembly import assemble
    from flori.recipes.profile import profiled

    run = assemble(recipe)
    found = profiled(run, SECONDS, _now_and_then())
    document = {
        "system": recipe.system,
        "batch": recipe.training.batch,
        "precision": run.precision,
        "steps": found.steps,
        **_document(found),
    }
    if as_json:
        print_json(document)
    else:
        _print(document)


def _now_and_then() -> Callable[[str], None]:
    """Tells on standard error how far it is, in few lines however many steps there are."""
    due = 0.0

    def tell(what: str) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LINE_SECONDS
            print(f"flori: {what}", file=sys.stderr, flush=True)

    return tell


def _document(found: Any) -> dict[str, Any]:
    """Seconds a step: in all, and by layer, without what the clock itself takes."""
    from flori.recipes.profile import CLOCK

    layers: dict[str, dict[str, float]] = {}
    for (name, way), seconds in found.seconds.items():
        if name != CLOCK:
            row = layers.setdefault(name, {"forward": 0.0, "backward": 0.0, "seconds": 0.0})
            row["seconds"] += seconds / found.steps
            if way:
                row[way] += seconds / found.steps
    counted = sum(row["seconds"] for row in layers.values())
    clock = found.seconds.get((CLOCK, ""), 0.0) / found.steps
    times = {"counted": counted, "clock": clock, "wall": found.wall / found.steps, "plain": found.plain / found.steps}
    order = sorted(layers, key=lambda name: -layers[name]["seconds"])
    rows = [{"layer": name, **layers[name], "share": layers[name]["seconds"] / counted} for name in order]
    return {"seconds_a_step": times, "layers": rows}


def _print(found: dict[str, Any]) -> None:
    ways = ("forward", "backward", "seconds")
    rows = [
        [row["layer"], *(_milliseconds(row[way]) for way in ways), f"{row['share']:.1%}"] for row in found["layers"]
    ]
    total = ["total", *(_milliseconds(sum(row[way] for row in found["layers"])) for way in ways), "100.0%"]
    print_table(["milliseconds a step", "forward", "backward", "in all", ""], [*rows, total], numbers=[1, 2, 3, 4])
    times = {name: _milliseconds(seconds) for name, seconds in found["seconds_a_step"].items()}
    print(f"\n{found['steps']} steps of {found['batch']} examples in {found['precision']}: {times['wall']} ms each by "
          f"the wall, of which {times['clock']} for this clock; {times['plain']} ms where nobody looked")  # fmt: skip


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.3f}" if seconds else ""
