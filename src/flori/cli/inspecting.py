"""flori inspect: what a network is doing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flori.cli.printing import print_json
from flori.core.errors import UserError
from flori.core.paths import path_of


def the_one(asked: Mapping[str, object]) -> str:
    """The one view that was asked for, of all views by option; "" where none was. Raises UserError for several."""
    wanted = [option for option, value in asked.items() if value not in (None, False)]
    if len(wanted) > 1:
        raise UserError(
            f"flori inspect: {' and '.join(wanted)} are views of their own; ask for one of {', '.join(asked)}"
        )
    return wanted[0] if wanted else ""


OWNERS = {
    **dict.fromkeys(("layer", "head", "kind"), "--attention"),
    "depth": "--graph",
    "measure": "",
    **dict.fromkeys(("bandwidth", "latency"), "--scale"),
}
"""Which view an option is of; "" is the summary."""
UNDRAWN = ("", "--profile", "--order")


def must_be_of_the_view(view: str, how: Mapping[str, object]) -> None:
    """Refuse options of other views than the one asked for, which would change nothing; `how` has them by name."""
    for name in (name for name, value in how.items() if value is not None and value is not False):
        if name == "out" and view in UNDRAWN:
            raise UserError(
                f"--out: {' '.join(('flori inspect', view)).rstrip()} draws nothing; --json > FILE keeps it"
            )
        if name != "out" and view != OWNERS[name]:
            owner, other = (one or "the summary" for one in (OWNERS[name], view))
            raise UserError(f"--{name} goes with {owner}, not with {other}")


def picture_path(out: str, *suffixes: str) -> Path:
    """The path of a picture that is to be written, by default of a PNG. Raises UserError where it cannot be there,
    before it is drawn."""
    path, suffixes = path_of(out), suffixes or (".png",)
    if path.suffix not in suffixes or not path.parent.is_dir():
        raise UserError(f"--out {out}: name a {' or '.join(suffixes)} file in a folder that is there")
    if path.is_dir():
        raise UserError(f"--out {out}: is a folder; name a file")
    return path


def must_be_named(view: str, target: str) -> None:
    """Refuse a view of nothing: only surfaces are looked at without a system or run."""
    if not target:
        raise UserError(
            f"{' '.join(('flori inspect', view)).rstrip()}: name a system, as in flori list, or the folder of a run"
        )


def draw_attention(
    run: str, sentence: str, kind: str | None, layer: int | None, head: int | None, out: str, as_json: bool
) -> None:
    """Write a picture of the attention weights of a run for a sentence."""
    from flori.artifacts.attention import attended
    from flori.artifacts.section import save
    from flori.evaluation.attention_plots import attention
    from flori.recipes.run import load

    path = picture_path(out)
    seen = attended(load(run).predictor(), sentence)
    if kind is not None and kind not in seen:
        raise UserError(f"--kind {kind}: this network has {', '.join(seen)}")
    kind = kind or next(iter(seen))
    weights, rows, columns = seen[kind]
    layers, heads = weights.shape[:2]
    _must_be_there("layer", layer, layers)
    _must_be_there("head", head, heads)
    chosen = weights[(layer or layers) - 1]
    titles = [f"layer {layer or layers}, head {number}" for number in range(1, heads + 1)]
    if head is not None:
        chosen, titles = chosen[head - 1 : head], titles[head - 1 : head]
    save(path.parent, path.name, attention(chosen, rows, columns, titles))
    told = {"run": run, "kind": kind, "layer": layer or layers, "layers": layers, "heads": heads, "picture": str(path)}
    if as_json:
        print_json({**told, "rows": rows, "columns": columns, "weights": chosen.tolist()})
    else:
        print(f"{path}: {kind} attention, layer {layer or layers} of {layers}, {len(chosen)} of {heads} heads")


def _must_be_there(what: str, number: int | None, count: int) -> None:
    if number is not None and not 1 <= number <= count:
        raise UserError(f"--{what} {number}: this network has {count} of them")
