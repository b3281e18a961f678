"""flori inspect: what a network is made of, and where its time and memory go."""

from __future__ import annotations

import sys
from typing import Any

from flori.cli.inspecting import picture_path
from flori.cli.layers import codec_of
from flori.cli.printing import print_json, print_table
from flori.cli.summary import summarise
from flori.cli.targets import recipe_of
from flori.core.errors import UserError

__all__ = ["compare_modes", "compare_orders", "draw_graph", "profile_steps", "summarise"]

BATCH = 5  # examples that a graph is drawn for: a prime, so that it is not taken for another size
SECONDS = 8.0  # that a profile takes, about, and again as much for the steps on which nobody looks
EXAMPLES = 4  # on which the modes are compared


def draw_graph(target: str, settings: list[str], depth: int | None, out: str | None, as_json: bool) -> None:
    """Write the computational graph of a system as SVG."""
    recipe = recipe_of(target, settings)
    path = picture_path(out or f"{recipe.system}-graph.svg", ".svg")
    import torch

    from flori.artifacts.writing import write
    from flori.evaluation.graph_drawing import drawn
    from flori.models.graph import graph
    from flori.recipes.assembly import build_model

    codec = codec_of(recipe)
    inputs = [torch.cat([t] * BATCH) for t in codec.sample()]
    model = build_model(recipe, codec).train()
    boxes = graph(model, *inputs, depth=depth)
    count = sum(p.numel() for p in model.parameters())
    write(path, drawn(boxes, f"{recipe.system}: {count:,} parameters, shapes of one example"))
    if as_json:
        rows = [{"name": b.name, "kind": b.kind, "shape": b.shape, "parameters": b.parameters, "from": b.above,
                 "count": b.count} for b in boxes]  # fmt: skip
        print_json({"system": recipe.system, "picture": str(path), "boxes": rows})
    else:
        deeper = "" if depth is not None else "; --depth draws more or less of it"
        print(f"{path}: {recipe.system}, {len(boxes)} boxes{deeper}")


def profile_steps(target: str, settings: list[str], as_json: bool) -> None:
    """Print where the time of training steps goes."""
    recipe = recipe_of(target, settings)
    from flori.recipes.assembly import assemble
    from flori.recipes.profile import CLOCK, profiled

    run = assemble(recipe)
    found = profiled(run, SECONDS, lambda what: print(f"flori: {what}", file=sys.stderr))
    spent = {key: seconds for key, seconds in found.seconds.items() if key[0] != CLOCK}
    total, rows = sum(spent.values()), dict[str, dict[str, float]]()
    for (name, way), seconds in spent.items():
        rows.setdefault(name, {"forward": 0.0, "backward": 0.0, "": 0.0})[way] += seconds
    order = sorted(rows, key=lambda name: -sum(rows[name].values()))
    document: dict[str, Any] = {
        "system": recipe.system,
        "batch": recipe.training.batch,
        "precision": run.precision,
        "steps": found.steps,
        "seconds_a_step": {"counted": total / found.steps, "wall": found.wall / found.steps, "unwatched": found.plain / found.steps},
        "layers": [
            {"layer": name, "seconds": sum(rows[name].values()) / found.steps,
             "forward": rows[name]["forward"] / found.steps, "backward": rows[name]["backward"] / found.steps,
             "share": sum(rows[name].values()) / total}
            for name in order
        ],
    }  # fmt: skip
    if as_json:
        print_json(document)
    else:
        _print_profile(document)


def _print_profile(found: dict[str, Any]) -> None:
    rows = [
        [row["layer"], *(f"{1000 * row[what]:,.3f}" if row[what] else "" for what in ("forward", "backward", "seconds")),
         f"{row['share']:.1%}"]
        for row in found["layers"]
    ]  # fmt: skip
    step = found["seconds_a_step"]
    total = [
        "total",
        *(f"{1000 * sum(r[w] for r in found['layers']):,.3f}" for w in ("forward", "backward", "seconds")),
    ]
    print_table(
        ["milliseconds a step", "forward", "backward", "both", ""], [*rows, [*total, "100.0%"]], numbers=[1, 2, 3, 4]
    )
    print(
        f"\n{found['steps']} steps of {found['batch']} in {found['precision']}: {1000 * step['wall']:,.3f} ms each by the "
        f"wall, {1000 * step['unwatched']:,.3f} ms when nobody looks"
    )


def compare_modes(target: str, settings: list[str], out: str | None, as_json: bool) -> None:
    """Measure gradients of a system in forward and in reverse mode; a table and a picture."""
    recipe = recipe_of(target, settings)
    path = picture_path(out or f"{recipe.system}-modes.png", ".png")
    from flori.artifacts.section import save
    from flori.evaluation.modes_plots import modes
    from flori.recipes.assembly import assemble
    from flori.recipes.differentiable import differentiable
    from flori.training.modes import costs

    function = differentiable(assemble(recipe), EXAMPLES)
    if function is None:
        raise UserError(f"--modes: {recipe.system} has no weights that learn by gradients")
    found = costs(function, lambda what: print(f"flori: {what}", file=sys.stderr))
    save(path.parent, path.name, modes(found))
    weights = sum(w.numel() for w in function.weights)
    document = {
        "system": recipe.system, "examples": EXAMPLES, "inputs": weights, "outputs": len(function(function.weights)),
        "counts": found.counts, "by_inputs": found.by_inputs, "by_outputs": found.by_outputs,
        "held_bytes": {mode: found.held(mode) for mode in ("forward", "reverse")},
        "peak_bytes": {mode: found.peak(mode) for mode in ("forward", "reverse")}, "picture": str(path),
    }  # fmt: skip
    if as_json:
        print_json(document)
    else:
        _print_modes(document)


def _print_modes(found: dict[str, Any]) -> None:
    print(
        f"{found['system']} on {found['examples']} examples in float64: {found['inputs']:,} inputs (the weights), "
        f"{found['outputs']:,} outputs\n"
    )
    columns = [found[by][mode] for by in ("by_inputs", "by_outputs") for mode in ("forward", "reverse")]
    rows = [[str(k), *(f"{1000 * column[i]:,.1f}" for column in columns)] for i, k in enumerate(found["counts"])]
    head = ["k", "k inputs: forward", "reverse", "k outputs: forward", "reverse"]
    print_table(head, rows, numbers=range(5))
    print("\nmilliseconds; forward mode takes a pass for each input, reverse mode a way back for each output\n")
    depths = ["a quarter", "half", "three quarters", "all"]
    held = [[way, *(f"{found['held_bytes'][mode][i] / 1e6:,.2f}" for mode in ("forward", "reverse"))]
            for i, way in enumerate(depths)]  # fmt: skip
    peaks = ["at its peak", *(f"{found['peak_bytes'][mode] / 1e6:,.2f}" for mode in ("forward", "reverse"))]
    print_table(["MB after … of the network", "forward", "reverse"], [*held, peaks], numbers=[1, 2])
    whole = found["by_inputs"]["forward"][-1] / found["counts"][-1] * found["inputs"]
    once = found["by_outputs"]["reverse"][0]
    print(
        f"\nreverse mode holds what each layer was given until it comes back; forward mode needs one layer at a time\n"
        f"the gradient of a loss: {whole:,.1f} s in forward mode, {once:,.4f} s in reverse mode\npicture {found['picture']}"
    )


def compare_orders(target: str, settings: list[str], as_json: bool) -> None:
    """Measure what the order of work costs on this machine, whatever the system."""
    recipe_of(target, settings)
    from flori.benches.order import ROUNDS, WHY, races
    from flori.benches.timing import race

    found = []
    for one in races():
        results = race(
            one.contestants,
            ROUNDS,
            one.seconds,
            lambda number: print(f"flori: round {number} of {ROUNDS}", file=sys.stderr),
        )
        first, second = results
        ratio = results[first].median / results[second].median
        rates = {name: result.median for name, result in results.items()}
        found.append({"about": one.about, "numbers_a_second": rates, "ratio": ratio})
    if as_json:
        print_json({"orders": found})
        return
    for one, why in zip(found, WHY, strict=True):
        first, second = one["numbers_a_second"]
        print(f"{one['about']}, million numbers a second:")
        rows = [[name, f"{rate / 1e6:,.2f}"] for name, rate in one["numbers_a_second"].items()]
        print_table(["", ""], rows, numbers=[1])
        print(f"{first} is {one['ratio']:,.1f} times as fast as {second}: {why}\n")
