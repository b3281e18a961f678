"""flori train, flori resume."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from flori.cli.predictions import write_predictions
from flori.cli.printing import print_json, scores_text
from flori.core.lost import told_to_end
from flori.core.overrides import apply
from flori.core.ranks import Ranks, joined, launched
from flori.recipes.catalogue import find

if TYPE_CHECKING:
    from flori.artifacts.run_folder import RunFolder


def train_system(
    name: str, settings: list[str], run: str | None, quiet: bool, as_json: bool, inputs: Sequence[str] = ()
) -> None:
    """Train a system into a new run folder, and answer for the inputs, if there are any, in its predictions.csv."""
    recipe = apply(find(name), settings)
    end_like_ctrl_c()
    with joined(recipe.device, recipe.parallel.timeout) as ranks, heard(ranks):
        from flori.recipes.beginning import locked

        with locked(recipe, run, typed(), inputs) as session:
            _to_the_end(session, quiet, as_json, inputs)


def resume_run(run: str, quiet: bool, as_json: bool) -> None:
    """Go on with a run from its newest whole checkpoint."""
    end_like_ctrl_c()
    from flori.artifacts.run_folder import RunFolder
    from flori.cli.several import go_on_with_several
    from flori.recipes.beginning import patience, recorded_recipe

    if launched().alone and go_on_with_several(run, quiet, as_json):
        return
    recipe = recorded_recipe(RunFolder.open(run))
    with joined(recipe.device, recipe.parallel.timeout) as ranks, heard(ranks):
        wait = 0.0 if launched().alone else patience(recipe)
        _resume_together(RunFolder.open(run, ranks.first), ranks, wait, quiet, as_json)


def _resume_together(folder: RunFolder, ranks: Ranks, patience: float, quiet: bool, as_json: bool) -> None:
    from flori.recipes.beginning import go_on

    run = str(folder.path)
    with folder.lock(patience):
        if ranks.decided(lambda: _is_done(folder)):
            again = f"flori train {folder.read('recipe.json')['system']} init={shlex.quote(run)} …"
            print(f"{run} is done already; to train on from its weights: {again}", file=sys.stderr)
            _print_end(folder.read("summary.json"), folder, as_json)
            return
        session = go_on(run)
        _to_the_end(session, quiet, as_json)


def _is_done(folder: RunFolder) -> bool:
    return (folder.path / "summary.json").exists() and folder.read("summary.json").get("status") == "done"


@contextmanager
def heard(ranks: Ranks) -> Iterator[None]:
    """Of several workers the first is heard; what the others print goes nowhere."""
    if ranks.first:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _to_the_end(session: Any, quiet: bool, as_json: bool, inputs: Sequence[str] = ()) -> None:
    from flori.cli.progress import shown
    from flori.recipes.stopping import stoppable

    for remark in session.remarks:
        print(f"flori: {remark}", file=sys.stderr)
    say_what_was_left_out(session)
    for line in session.run.taken.lines() if session.run.taken else []:
        print(line, file=sys.stderr)
    if not quiet:
        print(_introduced(session.run), file=sys.stderr)
    session.tell = lambda text: print(f"flori: {text}", file=sys.stderr, flush=True)
    with shown(session, quiet) as show:
        for report in stoppable(session):
            show(report)
            for remark in report.remarks:
                print(f"flori: {remark}", file=sys.stderr, flush=True)
    summary = session.finish()
    predictor = session.predictor() if inputs else None
    if predictor is not None and session.folder.writes:
        write_predictions(session.folder.path, predictor.predict(inputs), predictor.codec)
    _print_end(summary, session.folder, as_json, bool(inputs))


def _introduced(run: Any) -> str:
    """What is about to train, on what and by what, in a line."""
    from flori.cli.layers import stem

    chosen = stem(run.recipe, run.codec)
    frozen = sum(p.numel() for p in run.state.model.parameters() if not p.requires_grad)
    random = "" if run.recipe.training.init else " at random, for want of init="
    kept = f" ({frozen:,} frozen{random})" if frozen else ""
    parts = [f"{run.parameters:,} parameters{kept}", *([f"{chosen['chosen']} stem"] if chosen else [])]
    parts += [f"{len(run.data.parts['train']):,} {run.codec.described}", f"{run.device.type}, {run.precision}"]
    if not run.ranks.alone:
        parts.append(_workers(run))
    return f"{run.recipe.system}: {' · '.join(parts)}"


def _workers(run: Any) -> str:
    """How many there are, and how they share the work."""
    order, said = run.order, f"{run.ranks.size} workers"
    if run.state.optimizer is None:
        return f"{said} that do the same work"
    stages = "" if order.stages.alone else f", {order.stages.size} stages"
    parts = "" if order.tensor.alone else f", {order.tensor.size} to a layer"
    return (said + stages + parts) if stages or parts else said + (" that do the same work" if run.share.whole else "")


def say_what_was_left_out(session: Any) -> None:
    """Bad examples that were passed over, and remarks on the data."""
    from flori.core.errors import listing

    skipped = session.run.data.skipped
    if skipped:
        print(f"left out: {listing(skipped, 'the data')}", file=sys.stderr)
    for note in session.run.data.notes:
        print(note, file=sys.stderr)


def _print_end(summary: dict[str, Any], folder: Any, as_json: bool, predicted: bool = False) -> None:
    predictions = {"predictions": str(folder.path / "predictions.csv")} if predicted else {}
    if as_json:
        print_json({**summary, "run": str(folder.path), **predictions})
        return
    for part, scores in summary["scores"].items():
        print(f"{part:6} {scores_text(scores)}")
    if "remark" in summary:
        print(f"found  {summary['remark']}")
    print(f"run    {folder.path}\nreport {folder.report}")
    for path in predictions.values():
        print(f"answers {path}")


def typed() -> str:
    """The command as it was typed."""
    return shlex.join(["flori", *sys.argv[1:]])


def end_like_ctrl_c() -> None:
    """Until the loop takes over, SIGTERM ends the command as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        told_to_end.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
