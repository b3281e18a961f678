"""flori inspect --rates: which learning rate suits a system on its data."""

from __future__ import annotations

import math

from flori.cli.inspecting import picture_path
from flori.cli.printing import print_json
from flori.cli.targets import recipe_of
from flori.core.recipe import Recipe


def find_rate(target: str, settings: list[str], out: str, as_json: bool) -> None:
    """Run the range test of a recipe, a system's or a run's, draw it, and say what it suggests."""
    recipe, path = recipe_of(target, settings), picture_path(out)
    from flori.artifacts.section import save
    from flori.data.progress import counted
    from flori.evaluation.rate_plots import rates as drawn
    from flori.recipes.rate_test import STEPS, advice, rising, smooth

    pairs = list(counted(rising(recipe), STEPS, "steps at rising rates"))
    rates, losses = [rate for rate, _ in pairs], [loss for _, loss in pairs]
    found = advice(rates, losses)
    whole = [(rate, loss) for rate, loss in pairs if math.isfinite(loss)]
    smoothed = smooth([loss for _, loss in whole])
    save(path.parent, path.name, drawn([rate for rate, _ in whole], [loss for _, loss in whole], smoothed, found))
    told = {
        "system": recipe.system,
        "optimizer": recipe.training.optimizer,
        "lr": recipe.training.lr,
        "picture": str(path),
    }
    suggested = suggestion(recipe, found)
    if as_json:
        kept = [loss if math.isfinite(loss) else None for loss in losses]
        print_json({**told, "suggestion": suggested, **found, "rates": rates, "losses": kept, "smoothed": smoothed})
    else:
        _print(recipe, rates, found, suggested)
        print(f"picture {path}")


def suggestion(recipe: Recipe, found: dict[str, float | None]) -> float | None:
    """The highest rate to train at: a third of that at which the loss rises again, if the schedule comes down from it;
    a tenth, if it stays. Where no rate was too high, the one of the lowest loss."""
    kept = found["tenth" if recipe.training.schedule == "constant" else "third"]
    return kept if kept is not None else found["lowest"]


def _print(recipe: Recipe, rates: list[float], found: dict[str, float | None], suggested: float | None) -> None:
    options = recipe.training
    print(f"{recipe.system} on {recipe.data.source}: {len(rates)} steps of {options.optimizer}, up to {rates[-1]:.2g}")
    for name, text in (("steepest", "the loss falls fastest at"), ("diverges", "and rises again from")):
        rate = found[name]
        if rate is not None:
            print(f"  {text:25} {rate:.2g}")
    if suggested is None:
        print("  the loss did not fall at any rate: look at the data, or at optimizer= and training.clip")
        return
    share = "a tenth" if options.schedule == "constant" else "a third"
    why = f"{share} of that, for a {options.schedule} schedule" if found["diverges"] else "where it was lowest"
    print(f"  try lr={suggested:.2g}: {why} (now {options.lr:g})")
