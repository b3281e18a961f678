"""flori tune."""

from __future__ import annotations

import shlex
import sys
import time
from typing import Any

from flori.cli.printing import print_json, scores_text
from flori.cli.training import end_like_ctrl_c
from flori.core.errors import Interrupted, UserError
from flori.core.overrides import apply
from flori.recipes.catalogue import find
from flori.tuning.spaces import read

SAMPLERS, PRUNERS = ("tpe", "random", "grid"), ("median", "halving", "none")
LINE_SECONDS = 10.0


def tune_system(
    name: str,
    words: list[str],
    trials: int,
    run: str | None,
    storage: str | None,
    ways: tuple[str, str],
    score: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Search for better settings of a system, alone or along with other workers."""
    recipe = find(name)
    fixed, spaces = read(recipe, words)
    for option, given, known in (("--sampler", ways[0], SAMPLERS), ("--pruner", ways[1], PRUNERS)):
        if given not in known:
            raise UserError(f"{option} {given}: must be one of {', '.join(known)}")
    end_like_ctrl_c()
    from flori.tuning.plan import plan
    from flori.tuning.storage import check
    from flori.tuning.study_folder import study_folder

    check(storage)
    searched = plan(apply(recipe, fixed), fixed, spaces, trials, ways, score)  # type: ignore[arg-type]
    with study_folder(run, searched) as folder:
        try:
            found = _work(searched, folder, storage or f"sqlite:///{folder.absolute() / 'study.db'}", quiet)
        except (Interrupted, KeyboardInterrupt):
            raise Interrupted(f"stopped, and what was done is saved; go on with: {_again(run, str(folder))}") from None
    _print_end(found, folder, as_json)


def _work(plan: Any, folder: Any, url: str, quiet: bool) -> Any:
    """Be a worker of the study until it is done; what it came to."""
    from flori.tuning.ledger import Ledger
    from flori.tuning.outcome import outcome
    from flori.tuning.report import write_report
    from flori.tuning.search import search
    from flori.tuning.study_folder import WORKERS, reporting

    ledger = Ledger(url, plan.name(), plan.higher, folder / WORKERS, plan.trials)
    try:
        if not ledger.agree("data", plan.data):
            raise UserError(f"data={plan.recipe.data.source} is not what this study began with; put that data back")
        teller = _Teller(plan, ledger)
        if not quiet:
            teller.introduce(folder)
        for news in search(plan, ledger, folder):
            if not quiet:
                teller.tell(news)
        found = outcome(plan, ledger)
    finally:
        ledger.close()
    with reporting(folder):
        write_report(folder, found)
    return found


class _Teller:
    """Says on standard error how a search goes: a line a trial, and one now and then within."""

    def __init__(self, plan: Any, ledger: Any) -> None:
        self.plan, self.ledger = plan, ledger
        self.last = self.start = time.monotonic()
        self.done = 0  # trials of our own
        self.waits = False

    def introduce(self, folder: Any) -> None:
        """What is about to be searched."""
        plan = self.plan
        spaces = " ".join(space.said() for space in plan.spaces)
        print(f"{plan.recipe.system}: {plan.trials} trials of {spaces}, by {plan.score} · {folder}", file=sys.stderr)
        if plan.held_out:
            held = f"data.valid={plan.held_out:g}"
            text = "the data brings no valid part to choose by, and the test part is not for that"
            print(f"{text}: {held} of the training part is held out", file=sys.stderr)

    def tell(self, news: Any) -> None:
        """Print what is worth a line."""
        if news.state == "waiting" and not self.waits:
            print(f"waiting for {self.ledger.running()} trials of other workers", file=sys.stderr, flush=True)
        self.waits = news.state == "waiting"
        now = time.monotonic()
        if news.state in ("complete", "pruned", "failed", "taken"):
            self.done += 1
            print(f"{self._head(news)}  {self._ended(news)}{self._left(now)}", file=sys.stderr, flush=True)
        elif news.state == "step" and now - self.last > LINE_SECONDS:
            report = news.report
            score = f"  {report.split} {scores_text(report.scores)}" if report.scores else ""
            text = f"step {report.step}/{report.steps}  loss {float(report.loss):.4f}{score}"
            print(f"{self._head(news)}  {text}", file=sys.stderr, flush=True)
        else:
            return
        self.last = now

    def _head(self, news: Any) -> str:
        return f"trial {news.number}/{self.plan.trials}  {' '.join(news.settings) or 'the recipe as it is'}"

    def _ended(self, news: Any) -> str:
        if news.state == "complete":
            return f"{self.plan.score} {news.score:.4g}"
        if news.state == "pruned":
            return f"pruned at {self.plan.score} {news.score:.4g}"
        return f"failed: {news.fault}" if news.state == "failed" else "was taken over by another worker"

    def _left(self, now: float) -> str:
        """The time that is left, if all goes on as until now."""
        left = sum(one is None or not one.state.is_finished() for one in self.ledger.current().values())
        left += self.plan.trials - len(self.ledger.current())
        seconds = (now - self.start) / self.done * left
        return f"  about {seconds:.0f} s left" if left else ""


def _again(run: str | None, folder: str) -> str:
    """The command that goes on."""
    words = ["flori", *sys.argv[1:]]
    return shlex.join(words if run is not None else [*words, "--run", folder])


def _print_end(found: Any, folder: Any, as_json: bool) -> None:
    if as_json:
        print_json({**found.document(), "run": str(folder), "report": str(folder / "report.html")})
        return
    plan, best = found.plan, found.best
    print(f"best      {plan.score} {best.score:.4g}, trial {best.number} of {plan.trials}: {found.verdict()}")
    print(f"settings  {' '.join(best.settings) or 'the recipe as it is'}")
    if found.gain is not None:
        print(f"default   {plan.score} {found.default.score:.4g}")
    print(f"train it  {plan.final(best.settings)}")
    print(f"report    {folder / 'report.html'}")
