"""What is to be searched, by which score, and how the recipe of each trial follows from its settings."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from flori.core import seeds
from flori.core.errors import UserError
from flori.core.overrides import apply
from flori.core.recipe import Recipe, replace, values
from flori.data.codec import Prepared, fingerprint
from flori.data.families import prepare
from flori.recipes.catalogue import find
from flori.recipes.tasks import task_of
from flori.tuning.spaces import POINTS, Space, Value, combinations, default, grid

Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["median", "halving", "none"]
SHARE = 0.15  # of the training part, held out to choose by where the data brings no valid part
LOWER = {"loss", "rmse", "mae", "rmsle", "perplexity"}  # scores of which less is better
SCORES = {
    "classification": ("accuracy", "f1", "top5", "loss"),
    "regression": ("rmse", "mae", "r2", "rmsle", "loss"),
    "language": ("loss", "perplexity"),
    "translation": ("loss", "perplexity", "bleu"),
    "tagging": ("f1", "accuracy", "precision", "recall", "loss"),
}
"""What a valid part is scored by, for each task."""


@dataclass(frozen=True)
class Plan:
    """A search.

    Args:
        recipe: the system's with the settings that all trials share, which `fixed` holds as ``key=value``.
        score: what is compared, on the valid part; `higher`: more of it is better.
        held_out: the share of the training part that is made the valid part; 0 where there is one without that.
        trials: how many in all, over all workers, the recipe's own settings being the first.
        cells: the combinations to go through, in this order; none where settings are drawn.
        data: what the data is known by.
    """

    recipe: Recipe
    fixed: tuple[str, ...]
    spaces: tuple[Space, ...]
    score: str
    higher: bool
    held_out: float
    trials: int
    sampler: Sampler
    pruner: Pruner
    cells: tuple[dict[str, Value], ...]
    data: str

    def words(self, settings: Sequence[str]) -> list[str]:
        """All that differs from the system's recipe in a trial with these settings."""
        held = [f"data.valid={self.held_out:g}"] if self.held_out else []
        return [*self.fixed, *settings, *held]

    def trial(self, settings: Sequence[str]) -> Recipe:
        """The recipe of a trial."""
        return apply(find(self.recipe.system), self.words(settings))

    def command(self, settings: Sequence[str]) -> str:
        """The command that trains as a trial did."""
        return shlex.join(["flori", "train", self.recipe.system, *self.words(settings)])

    def final(self, settings: Sequence[str]) -> str:
        """The command that trains on all but the test part: nothing needs to be held out to choose by."""
        words = [word for word in (*self.fixed, *settings) if not word.startswith("data.valid=")]
        return shlex.join(["flori", "train", self.recipe.system, *words])

    def name(self) -> str:
        """The name of the study: the same for all who search the same by the same score, wherever their data lies."""
        decides = {**values(self.recipe), "data.source": PurePath(self.recipe.data.source).name}
        document = [decides, [space.document() for space in self.spaces], self.score, self.held_out]
        digest = hashlib.blake2b(json.dumps(document, sort_keys=True).encode(), digest_size=6).hexdigest()
        return f"flori-{self.recipe.system}-{digest}"


def plan(
    recipe: Recipe, fixed: Sequence[str], spaces: Sequence[Space], trials: int, ways: tuple[Sampler, Pruner], score: str
) -> Plan:
    """A search for the best values of the spaces. It reads the data once, to see which task and parts it has.

    Args:
        ways: how settings are drawn, and how poor trials are ended early.
        score: what to compare by; "": what the task is compared by.

    Raises UserError for what is wrong with the data, or with the score.
    """
    data = _look(recipe)
    task = data.codec.task
    score = score or task_of(data.codec, recipe.training).best[0]
    if score not in SCORES[task]:
        raise UserError(f"--score {score}: {task} is scored by {', '.join(SCORES[task])}")
    held_out = 0.0 if recipe.data.valid or "valid" in data.parts else SHARE
    few = combinations(spaces) <= trials  # so that nothing is drawn twice, all are gone through
    cells = _cells(recipe, spaces, trials if few else POINTS) if few or ways[0] == "grid" else ()
    trials = min(trials, len(cells) + 1) if cells else trials
    known = fingerprint(data.parts)
    return Plan(recipe, tuple(fixed), tuple(spaces), score, score not in LOWER, held_out, trials, *ways, cells, known)


def _look(recipe: Recipe) -> Prepared:
    """The data with the parts that it brings, and a test part if it brings none."""
    seen = {"data.valid": 0.0, "data.test": recipe.data.test or 0.1, "training.patience": None}
    return prepare(replace(recipe, seen))


def _cells(recipe: Recipe, spaces: Sequence[Space], most: int) -> tuple[dict[str, Value], ...]:
    """The combinations of a grid without the recipe's own, which is tried anyway; in an order that leaves nothing to
    the last where a search is stopped before its end."""
    own = {space.key: default(recipe, space) for space in spaces}
    cells = [cell for cell in grid(spaces, most) if cell != own]
    return tuple(sorted(cells, key=lambda cell: seeds.key(recipe.seed, f"cell {sorted(cell.items())}")))
