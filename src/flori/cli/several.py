"""flori crossval, flori bag: several runs that belong together, begun or gone on with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from typing import Any

from flori.cli.printing import print_json, print_table, scores_text
from flori.cli.training import end_like_ctrl_c, say_what_was_left_out, typed
from flori.core.errors import Interrupted, UserError
from flori.core.overrides import apply
from flori.recipes.catalogue import find


def cross_validate(
    name: str, words: list[str], folds: int, group: str | None, run: str | None, quiet: bool, as_json: bool
) -> None:
    """Train and judge a system once for each fold of the data."""
    recipe = apply(find(name), words)
    end_like_ctrl_c()
    from flori.tuning.folds import begin_folds

    folder = begin_folds(recipe, folds, group, run, typed())
    go_on_with_several(str(folder.path), quiet, as_json)


def train_bag(
    name: str, words: list[str], members: int, bootstrap: bool, run: str | None, quiet: bool, as_json: bool
) -> None:
    """Train a system several times, and make one predictor of the runs."""
    recipe = apply(find(name), words)
    end_like_ctrl_c()
    from flori.tuning.bagging import begin_bag

    folder = begin_bag(recipe, members, bootstrap, run, typed())
    go_on_with_several(str(folder.path), quiet, as_json)


def go_on_with_several(run: str, quiet: bool, as_json: bool) -> bool:
    """Train what is not done yet of a cross-validation or an ensemble; False if the folder is neither."""
    from flori.tuning import bagging, folds
    from flori.tuning.several import begun, is_done

    if found := begun(folds.KIND, run):
        folder, recipe, chosen = found
        number = chosen["folds"]
        with folder.lock():
            if not is_done(folder.path):
                _train(folder, folds.fold_recipes(recipe, number), quiet, number)
                _say(quiet, "all folds are done; each answers for what it has not seen")
                folds.finish_folds(folder, recipe, number)
            _print_folds(folder, as_json)
    elif found := begun(bagging.KIND, run):
        folder, recipe, chosen = found
        number, bootstrap = chosen["members"], chosen["bootstrap"]
        with folder.lock():
            if not is_done(folder.path):
                _train(folder, bagging.member_recipes(recipe, number, bootstrap), quiet)
                _say(quiet, "all members are done; they answer together")
                bagging.finish_bag(folder, recipe, number, bootstrap)
            _print_bag(folder, as_json)
    return found is not None


def _train(folder: Any, recipes: dict[str, Any], quiet: bool, folds: int = 0) -> None:
    """All runs that are not done, one after the other. Remarks on the data are made once."""
    from flori.cli.progress import shown
    from flori.recipes.stopping import stoppable
    from flori.tuning.folds import small_classes
    from flori.tuning.several import sessions

    told: set[str] = set()
    for name, session in sessions(folder, recipes):
        if not told:
            say_what_was_left_out(session)
            _say(False, *small_classes(session.run.data.parts, session.run.codec, folds))
        told.add(name)
        _say(quiet, f"{name} of {len(recipes)}")
        try:
            with shown(session, quiet) as show:
                for report in stoppable(session):
                    show(report)
            summary = session.finish()
        except Interrupted as stopped:
            again = f"flori resume {shlex.quote(str(folder.path))}"
            raise Interrupted(f"{name}: {str(stopped).split(';')[0]}; go on with: {again}") from None
        except UserError as problem:
            raise UserError(f"{name}: {problem}") from None
        _say(quiet, *(f"{name}: {part} {scores_text(scores)}" for part, scores in summary["scores"].items()))


def _say(quiet: bool, *lines: str) -> None:
    if not quiet:
        print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr, flush=True)


def _print_folds(folder: Any, as_json: bool) -> None:
    summary = folder.read("summary.json")
    if as_json:
        print_json({**summary, "run": str(folder.path)})
        return
    _print_table(summary, ((one["run"], one["scores"]) for one in summary["by_fold"]))
    print(f"\npredictions {folder.path / summary['predictions']}\nreport      {folder.report}")


def _print_bag(folder: Any, as_json: bool) -> None:
    summary = folder.read("summary.json")
    if as_json:
        print_json({**summary, "run": str(folder.path)})
        return
    _print_table(summary, ((one["run"], one["scores"]) for one in summary["by_member"]))
    print()
    for part, scores in summary["scores"].items():
        print(f"together, {part:5} {scores_text(scores)}")
    print(f"run    {folder.path}\nreport {folder.report}")


def _print_table(summary: dict[str, Any], runs: Iterable[tuple[str, dict[str, float]]]) -> None:
    """Scores by run, and below them their mean and deviation."""
    names = list(summary["mean"])
    rows = [[run, *(f"{scores[name]:.4g}" for name in names)] for run, scores in runs]
    rows += [[what, *(f"{summary[what][name]:.4g}" for name in names)] for what in ("mean", "deviation")]
    print_table(["", *names], rows, numbers=range(1, len(names) + 1))
