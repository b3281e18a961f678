"""flori inspect --capacity, --data-sizes: training and held-out loss against what is varied."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flori.cli.printing import print_json, print_table
from flori.cli.targets import recipe_of
from flori.cli.training import end_like_ctrl_c
from flori.core.errors import Interrupted, UserError
from flori.core.paths import path_of
from flori.core.recipe import SHORT, Recipe

if TYPE_CHECKING:
    from flori.tuning.curves import Fit


def draw_capacity(target: str, words: list[str], asked: str, out: str, as_json: bool) -> None:
    """Train once for each value of a setting, and draw both losses."""
    key, equals, text = asked.partition("=")
    values = [value.strip() for value in text.split(";" if ";" in text else ",") if value.strip()]
    if not equals or not key.strip() or len(values) < 2:
        raise UserError(f"--capacity {asked}: name a setting and two values or more, as model.hidden=8,32,128")
    key = key.strip()
    path = _picture(out)
    recipes = {value: recipe_of(target, [*words, f"{key}={value}"]) for value in dict.fromkeys(values)}
    end_like_ctrl_c()
    from flori.tuning import curves

    curves.check_key(SHORT.get(key, key))
    recipes = {value: curves.with_valid(one) for value, one in recipes.items()}
    fits = _trained(recipes, key)
    _tell(
        next(iter(recipes.values())).system, key, fits, lambda good: curves.said_of_capacity(key, good), path, as_json
    )


def draw_data_sizes(target: str, words: list[str], asked: str, out: str, as_json: bool) -> None:
    """Train once for each number of training examples, and draw both losses."""
    path, recipe = _picture(out), recipe_of(target, words)
    wanted = None if asked == "auto" else sorted(_number(word) for word in asked.split(","))
    end_like_ctrl_c()
    from flori.tuning import curves

    recipes = curves.of_sizes(curves.with_valid(recipe), wanted)
    fits = curves.comparable(_trained(recipes, "data.examples"))
    _tell(recipe.system, "training examples", fits, curves.said_of_sizes, path, as_json)


def _number(word: str) -> int:
    if not word.strip().isdecimal() or int(word) < 1:
        raise UserError(f"--data-sizes: {word.strip()!r} is no number of examples; as in 50,100,200, or auto")
    return int(word)


def _picture(out: str) -> Path:
    path = path_of(out)
    if path.suffix != ".png" or not path.parent.is_dir() or path.is_dir():
        raise UserError(f"--out {out}: name a .png file in a folder that is there")
    return path


def _trained(recipes: Mapping[str, Recipe], key: str) -> list[Fit]:
    """A training of each recipe. One whose loss becomes infinite is told, and its losses are none."""
    from flori.cli.progress import shown
    from flori.recipes.stopping import stoppable
    from flori.tuning.curves import Fit, fitted, training

    fits = []
    for value, recipe in recipes.items():
        print(f"{key}={value}", file=sys.stderr, flush=True)
        with training(recipe) as session:
            try:
                with shown(session, False) as show:
                    for report in stoppable(session):
                        show(report)
                fits.append(fitted(session, value))
            except Interrupted:
                raise Interrupted("stopped; a curve is not gone on with, and nothing of it is kept") from None
            except UserError as problem:
                print(f"{key}={value}: {problem}", file=sys.stderr)
                fits.append(Fit(value, float("nan"), float("nan")))
    return fits


def _tell(name: str, key: str, fits: list[Fit], say: Callable[[list[Fit]], str], path: Path, as_json: bool) -> None:
    from flori.artifacts.section import save
    from flori.evaluation.selection_plots import losses
    from flori.tuning.curves import best, finite

    good = [fit for fit in fits if finite(fit)]
    if not good:
        raise UserError(f"no training of {name} came to an end; a lower lr= or training.clip=1 usually helps")
    values, train, held_out = ([getattr(fit, column) for fit in good] for column in ("value", "train", "held_out"))
    picture, sentence = losses(values, train, held_out, (key, "valid"), best(good)), say(good)
    if as_json:
        save(path.parent, path.name, picture)
        points = [{"value": fit.value, "train": fit.train, "held_out": fit.held_out} for fit in good]
        lost = [fit.value for fit in fits if fit not in good]
        told = {"system": name, "key": key, "part": "valid", "losses": points, "diverged": lost}
        print_json({**told, "best": good[best(good)].value, "verdict": sentence, "picture": str(path)})
        return
    rows = [[fit.value, f"{fit.train:.4g}", f"{fit.held_out:.4g}"] for fit in fits]
    print_table([key, "training loss", "held-out loss"], rows, numbers=[1, 2])
    print(f"\n{sentence[0].upper()}{sentence[1:]}", flush=True)
    save(path.parent, path.name, picture)  # last: a full disk does not cost what took long to learn
    print(path)
