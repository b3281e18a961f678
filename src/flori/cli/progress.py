"""Progress on standard error: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flori.cli.printing import scores_text
from flori.recipes.session import Session
from flori.recipes.stating import Report

LINE_SECONDS = 10.0
BAR_SECONDS = 0.1


@contextmanager
def shown(session: Session, quiet: bool) -> Iterator[Callable[[Report], None]]:
    """A function that shows each report."""
    if quiet:
        yield lambda report: None
    elif sys.stderr.isatty():
        with _bar(session) as show:
            yield show
    else:
        yield _lines()


def _speed() -> Callable[[Report], float]:
    """Examples a second over about the last seconds."""
    marks: list[tuple[float, int]] = [(time.monotonic(), 0)]

    def measure(report: Report) -> float:
        now, done = time.monotonic(), marks[-1][1] + report.examples
        marks.append((now, done))
        while len(marks) > 2 and now - marks[1][0] > 2.0:
            marks.pop(0)
        return (done - marks[0][1]) / max(now - marks[0][0], 1e-9)

    return measure


@contextmanager
def _bar(session: Session) -> Iterator[Callable[[Report], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[text]}"),
    )
    speed, last, score = _speed(), 0.0, ""
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        task = progress.add_task(
            session.run.recipe.system, total=session.run.steps, completed=session.run.state.step, text=""
        )

        def show(report: Report) -> None:
            nonlocal last, score
            rate = speed(report)
            if report.scores:
                score = f"{report.split} {scores_text(report.scores)}"
            now = time.monotonic()
            if now - last > BAR_SECONDS or report.step == report.steps:
                text = f"{_passes(report)}  {rate:,.0f} examples/s"
                progress.update(task, completed=report.step, text=f"{text}  loss {float(report.loss):.4f}  {score}")
                last = now

        yield show


def _passes(report: Report) -> str:
    """Passes over the data done and to be done; less than a tenth of one is not rounded to none."""
    done, wanted = (f"{passes:.1f}" if passes >= 0.1 else f"{passes:.2g}" for passes in (report.epoch, report.epochs))
    return f"epoch {done}/{wanted.removesuffix('.0')}"


def _lines() -> Callable[[Report], None]:
    speed, start, last = _speed(), time.monotonic(), time.monotonic()
    done_before: int | None = None

    def show(report: Report) -> None:
        nonlocal last, done_before
        rate, now = speed(report), time.monotonic()
        if done_before is None:
            done_before = report.step - 1
        if now - last < LINE_SECONDS and report.step != report.steps and not (report.scores and now - last > 1):
            return
        last = now
        left = (now - start) / (report.step - done_before) * (report.steps - report.step)
        score = f"  {report.split} {scores_text(report.scores)}" if report.scores else ""
        text = f"step {report.step}/{report.steps}  {_passes(report)}  {rate:,.0f} examples/s"
        print(f"{text}  loss {float(report.loss):.4f}{score}  {left:.0f} s left", file=sys.stderr, flush=True)

    return show
