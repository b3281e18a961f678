"""Under- and overfitting seen: training and held-out loss against what a network can hold, or what it learns from.

A training of each value, in a folder that is removed again. What is held out is a valid part: curves are there to
choose by, and what was chosen by is no test (Goodfellow, Bengio and Courville, "Deep learning", 5.2).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path

from flori.core.errors import UserError
from flori.core.recipe import Recipe, replace
from flori.recipes.assembly import assemble
from flori.recipes.beginning import begin
from flori.recipes.session import Session

VALID = 0.2  # share held out where nothing else is said: a tenth makes a rough curve
WORSE = 1.05  # times the least held-out loss: more than that is worse, less may be chance
APART = 1.5  # times the training loss: a held-out loss above it is of a network that knows its examples too well
SIZES = 6  # of training parts, each twice the one before


@dataclass(frozen=True)
class Fit:
    """What one training came to: mean losses of the training part and of the held-out part, and the square of the unit
    that they are in, where numbers are learnt."""

    value: str
    train: float
    held_out: float
    unit: float = 1.0


def with_valid(recipe: Recipe) -> Recipe:
    """The recipe with a valid part to look at."""
    return recipe if recipe.data.valid else replace(recipe, {"data.valid": VALID})


@contextmanager
def training(recipe: Recipe) -> Iterator[Session]:
    """A training whose folder is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="flori-") as folder:
        session = begin(recipe, Path(folder) / "run", f"flori train {recipe.system}")
        with session.folder.lock():
            yield session


def fitted(session: Session, value: str) -> Fit:
    """The losses of a training that is over, of the weights that it would keep."""
    run = session.run
    if run.state.best:
        run.state.judged_model.load_state_dict(run.state.best)
    predictor = session.predictor()
    train, held = (run.task.judge(predictor, run.data.parts[part], False).scores["loss"] for part in ("train", "valid"))
    scale = getattr(run.codec, "scale", None)
    return Fit(value, train, held, 1.0 if scale is None else scale.std**2)


def comparable(fits: Sequence[Fit]) -> list[Fit]:
    """The losses in the unit of the last training: few numbers are standardised by another deviation than many."""
    last = next((one.unit for one in reversed(fits) if finite(one)), 1.0)
    return [
        replaced(one, train=one.train * one.unit / last, held_out=one.held_out * one.unit / last, unit=last)
        for one in fits
    ]


def of_sizes(recipe: Recipe, wanted: Sequence[int] | None) -> dict[str, Recipe]:
    """The recipe with training parts of so many examples, by their number, all with as many steps: those that the whole
    part takes. None: half of it, a quarter, … and all.

    Raises UserError for numbers that there are not.
    """
    run = assemble(recipe)
    count = len(run.data.parts["train"])
    sizes = wanted if wanted is not None else [max(1, count >> i) for i in reversed(range(SIZES))]
    too_many = [size for size in sizes if size > count]
    if too_many:
        raise UserError(f"--data-sizes {too_many[0]}: there are {count:,} examples to learn from")
    steps = {"training.steps": run.steps, "training.epochs": None}
    return {str(size): replace(recipe, {"data.examples": size, **steps}) for size in dict.fromkeys(sizes)}


def best(fits: Sequence[Fit]) -> int:
    """The place of the least held-out loss."""
    return min(range(len(fits)), key=lambda i: fits[i].held_out)


def said_of_capacity(key: str, fits: Sequence[Fit]) -> str:
    """Where underfitting ends and overfitting begins, in a sentence; the values are from small networks to large.

    A value before the best one whose held-out loss is clearly above the least underfits; one after it overfits if the
    training loss has not risen.
    """
    at = best(fits)
    least, top = fits[at].held_out, fits[at]
    under = [one for one in fits[:at] if one.held_out > WORSE * least]
    over = [one for one in fits[at + 1 :] if one.held_out > WORSE * least and one.train <= top.train]
    chosen = f"the least held-out loss is {least:.4g}, at {key}={top.value}"
    low = high = ""
    if under:
        low = f"it underfits up to {key}={under[-1].value} ({_losses(under[-1])})"
    if over:
        high = f"it overfits from {key}={over[0].value} on ({_losses(over[0])})"
    low, high = low or "no value underfits clearly", high or "no value overfits clearly"
    return f"{low}; {chosen}; {high}."


def said_of_sizes(fits: Sequence[Fit]) -> str:
    """Up to how many examples the network overfits, and whether more would help, in a sentence."""
    over = [one for one in fits if one.held_out > APART * one.train]
    last = fits[-1]
    if not over:
        begins = "the two losses are close at every size: what is left of them is underfitting, or noise of the data"
    elif last in over:
        begins = (
            f"it overfits at every size from {over[0].value} on, with {last.value} examples still ({_losses(last)})"
        )
    else:
        begins = f"it overfits with up to {over[-1].value} examples, and no longer with {_after(fits, over[-1]).value}"
    falls = len(fits) > 1 and fits[-2].held_out > WORSE * last.held_out
    return f"{begins}; the held-out loss {'still falls: more data would help' if falls else 'falls no longer clearly'}."


def _losses(one: Fit) -> str:
    return f"training loss {one.train:.4g}, held-out {one.held_out:.4g}"


def _after(fits: Sequence[Fit], one: Fit) -> Fit:
    return fits[fits.index(one) + 1]


def check_key(name: str) -> None:
    """Raise UserError where a curve over a setting would say nothing of the network."""
    if name.startswith("data.") or name in ("seed", "device", "precision"):
        raise UserError(f"--capacity {name}: vary what the network can hold, as in model.hidden=8,32,128")


def finite(fit: Fit) -> bool:
    """Whether both losses are numbers."""
    return math.isfinite(fit.train) and math.isfinite(fit.held_out)
