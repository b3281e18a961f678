"""flori inspect --modes: gradients in forward and in reverse mode, their time and memory."""

from __future__ import annotations

import sys
from typing import Any

from flori.cli.inspecting import picture_path
from flori.cli.printing import print_json, print_table
from flori.cli.targets import recipe_of
from flori.core.errors import UserError

EXAMPLES = 4  # on which they are compared
MODES = ("forward", "reverse")
PLACES = ("a quarter of the network", "half of it", "three quarters", "all of it")


def compare_modes(target: str, settings: list[str], out: str | None, as_json: bool) -> None:
    """Measure both modes on a few examples of a system's data; a table and a picture."""
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
    document = {
        "system": recipe.system,
        "inputs": sum(w.numel() for w in function.weights),
        "outputs": len(function(function.weights)),
        "counts": found.counts,
        "seconds_by_inputs": found.by_inputs,
        "seconds_by_outputs": found.by_outputs,
        "bytes_on_the_way": {mode: found.held(mode) for mode in MODES},
        "bytes_at_the_peak": {mode: found.peak(mode) for mode in MODES},
        "picture": str(path),
    }
    if as_json:
        print_json(document)
    else:
        _print(document)


def _print(found: dict[str, Any]) -> None:
    print(f"{found['system']} in float64: {found['inputs']:,} inputs, the weights; {found['outputs']:,} outputs\n")
    columns = [found[by][mode] for by in ("seconds_by_inputs", "seconds_by_outputs") for mode in MODES]
    rows = [[str(k), *(f"{1000 * times[i]:,.1f}" for times in columns)] for i, k in enumerate(found["counts"])]
    print_table(
        ["milliseconds for k", "inputs: forward", "reverse", "outputs: forward", "reverse"], rows, numbers=range(5)
    )
    print("forward mode takes a pass for each input, reverse mode a way back for each output\n")
    held = [*zip(*(found["bytes_on_the_way"][mode] for mode in MODES), strict=True)]
    peak = tuple(found["bytes_at_the_peak"][mode] for mode in MODES)
    rows = [[place, *(f"{size / 1e6:,.3f}" for size in sizes)]
            for place, sizes in zip((*PLACES, "at its peak"), (*held, peak), strict=True)]  # fmt: skip
    print_table(["MB after", *MODES], rows, numbers=[1, 2])
    print(
        "reverse mode holds what each layer was given until it comes back to it, forward mode one layer's at a time\n"
    )
    each = found["seconds_by_inputs"]["forward"][-1] / found["counts"][-1]
    once = found["seconds_by_outputs"]["reverse"][0]
    print(f"the gradient of one number with respect to all weights: {each * found['inputs']:,.4f} s in forward mode, "
          f"{once:,.4f} s in reverse mode\npicture {found['picture']}")  # fmt: skip
