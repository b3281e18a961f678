"""One run from its first step to its report: the consumer of the loop that saves, judges and stops."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from flori.artifacts import checkpoints
from flori.artifacts.predictor import Predictor
from flori.artifacts.run_folder import RunFolder
from flori.artifacts.writing import saying_why
from flori.core.errors import Interrupted, UserError
from flori.recipes import starting
from flori.recipes.agreement import Agreement
from flori.recipes.assembly import Assembly
from flori.recipes.remarks import Remarks
from flori.recipes.results import judged, not_numbers, take_best, write_model, write_page
from flori.recipes.retracing import retrace
from flori.recipes.stating import Report, beginning_of, report, summary
from flori.training.asynchronous import staleness
from flori.training.loop import Step, loop
from flori.training.sharding import local

REPORTS = 200  # lines of training loss in a run's metrics, about


@dataclass
class Session:
    """An assembled run and its folder. `remarks` are about its checkpoints, `warnings` about how it learns; `tell` is
    told of what takes long."""

    run: Assembly
    folder: RunFolder
    command: str
    remarks: list[str] = field(default_factory=list)
    tell: Callable[[str], None] = lambda text: None
    _origin: dict[str, Any] | None = None
    _pending: list[Step] = field(default_factory=list)
    _saved: int = -1
    _scores: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.warnings = Remarks(self.run)
        self.agreement = Agreement(self.run.ranks)
        self.saver = checkpoints.Saver(self.folder.checkpoints, self.run.ranks, self.run.recipe.parallel.timeout)

    def begin(self) -> None:
        """Write recipe.json: from now on the folder is a run that can be resumed, without the weights that it began
        from, which are in a checkpoint by then."""
        if self.run.taken is not None:
            self.folder.write("init.json", starting.document(self.run.taken, self.run.codec))
            self.save()
            self.saver.wait()
        self.folder.write("recipe.json", beginning_of(self.run, self.command))

    def restore(self) -> None:
        """Put back the newest whole checkpoint, if there is one. Raises UserError if the data changed."""
        if self.folder.read("recipe.json").get("fingerprint") != self.run.fingerprint():
            raise UserError(
                f"{self.folder.path}: the data behind data={self.run.recipe.data.source} has changed since the run "
                "began, so it cannot go on exactly; put the data back, or train anew"
            )
        found, self.remarks = checkpoints.load_newest(self.folder.checkpoints, self.run.ranks, self.run.state.like)
        if found is not None:
            self.run.state.restore(found.tensors, found.numbers, self.run.share)
            self._saved = self.run.state.step
        elif self.run.recipe.training.init is not None:
            raise UserError(f"{self.folder.path}: no whole checkpoint is left to go on from; train anew")
        elif self.remarks:
            self.remarks.append("no whole checkpoint is left: the run begins anew")
        self.folder.forget_metrics_after(self.run.state.step)
        self.warnings.remember(self.folder.metrics())

    def reports(self) -> Generator[Report, None, None]:
        """Train to the end, and yield after every step. Closing the iterator stops the run and saves it.

        The caller holds the folder's lock.
        """
        if self.run.worker is not None:
            self.run.worker.work()
            return
        training = self._train()
        try:
            with self.saver, closing(training), nullcontext() if self.run.owner is None else closing(self.run.owner):
                yield from training if self.run.ranks.alone else self._all_the_way(training)
        except GeneratorExit:
            self.stop()
            raise
        except UserError as problem:
            self._fail(str(problem))
            raise
        if self.agreement.stopped:
            self.stop()
            raise self.interruption()

    def _all_the_way(self, training: Iterator[Report]) -> Iterator[Report]:
        """The reports; closing it goes on until all ranks stop."""
        try:
            for report in training:  # noqa: UP028 - `yield from` would close it
                yield report
        except GeneratorExit:
            self.agreement.ask_to_stop()
            for _ in training:
                pass
            raise

    def interruption(self) -> Interrupted:
        """What a run that was stopped says, once it is saved."""
        again = f"flori resume {shlex.quote(str(self.folder.path))}"
        return Interrupted(f"stopped at step {self.run.state.step} and saved; go on with: {again}")

    def _train(self) -> Generator[Report, None, None]:
        run, state = self.run, self.run.state
        last_saved = before = time.monotonic()
        every = max(1, min(run.batches.per_epoch, run.steps // REPORTS))
        self.warnings.at_the_start()
        if not self._patient():
            return
        for step in loop(state, run.batches, run.update, run.steps, run.recipe.seed, run.order.drawn):
            self._pending.append(step)
            now = time.monotonic()
            state.busy += now - before
            self.warnings.look(step.number)
            self.warnings.clock(now - before)
            if step.number % every == 0 or step.number == run.steps:
                self._report_loss(step)
            scores = self._judge() if self._judging_is_due(step) else None
            self.saver.look()
            if self.agreement.reached(
                step.number, time.monotonic() - last_saved > run.recipe.training.checkpoint_seconds
            ):
                self.save()
                last_saved = time.monotonic()
            after = time.monotonic()
            state.seconds += after - before
            yield report(run, step, scores, self.warnings.read())
            before = time.monotonic()
            if not self._patient() or (self.agreement.stopped and step.number < run.steps):
                return

    def _patient(self) -> bool:
        patience = self.run.recipe.training.patience
        return patience is None or self.run.state.waited < patience

    def _drain(self) -> None:
        """Bring the losses since the last look from the device into the state; a loss that is no number ends
        the run before anything is saved over the last good checkpoint."""
        state = self.run.state
        for step in self._pending:
            loss = float(step.loss)
            if not math.isfinite(loss):
                raise UserError(self._not_finite(f"the loss became {loss} at step {step.number}"))
            if self.warnings.first_loss is None:
                self.warnings.first_loss = loss
            state.loss_sum += loss * step.examples
            state.loss_examples += step.examples
            state.examples += step.examples
        self._pending.clear()

    def _not_finite(self, what: str) -> str:
        self.saver.wait()
        last = (
            f"the last good checkpoint is of step {self._saved}"
            if self._saved > 0
            else "no checkpoint was written before"
        )
        lr = self.run.recipe.training.lr
        here = self.run.ranks.alone and self.run.owner is None  # all that a step does
        if here:
            self.tell(f"{what}: the steps since the last checkpoint are done again to see where that began")
        if here and (traced := retrace(self.run, self.folder)) is not None:
            self._origin, what = traced.document(), f"{what}: {traced}"
        return f"{what}; {last}. A lower learning rate (lr={lr / 10:g}) or training.clip=1 usually helps."

    def _report_loss(self, step: Step) -> None:
        self._drain()
        state = self.run.state
        loss = state.loss_sum / state.loss_examples
        self.warnings.hear(step.number, loss)
        stale = staleness(state.notes)
        behind = {"staleness": stale["mean"]} if stale else {}
        self._write_line("train", step, {"loss": loss, **behind, **self.warnings.written()})
        state.loss_sum, state.loss_examples = 0.0, 0

    def _write_line(self, split: str, step: Step, scores: dict[str, Any]) -> None:
        epoch = step.number / self.run.batches.per_epoch
        line = {
            "step": step.number,
            "epoch": epoch,
            "split": split,
            "seconds": round(self.run.state.seconds, 3),
        }
        self.folder.append_metrics({**line, **scores})

    def _judging_is_due(self, step: Step) -> bool:
        """Where the recipe says nothing, after every epoch, or after so many that it is not more often than losses are
        reported: an epoch may be a single step."""
        wanted, per_epoch = self.run.recipe.training.judge_every, self.run.batches.per_epoch
        every = per_epoch * (wanted or max(1, self.run.steps // (per_epoch * REPORTS)))
        return step.number % every == 0 or step.number == self.run.steps

    def _judge(self) -> dict[str, float]:
        run, split = self.run, self.run.data.judged
        predictor = replace(self.predictor(), ranks=run.ranks)  # all ranks share what is to be judged
        scores = run.task.judge(predictor, run.data.parts[split], False).scores
        self._scores = {split: scores}
        if run.recipe.training.patience is not None:
            name, higher_is_better = run.task.best
            run.state.keep_best(scores[name], higher_is_better)
        self._write_line(split, Step(run.state.step, 0, torch.empty(0), 0), scores)
        return scores

    def save(self) -> None:
        """Begin to write a checkpoint of the state as it is."""
        self._drain()
        run, state = self.run, self.run.state
        if state.step == self._saved or run.worker is not None:
            return
        finite = torch.tensor([all(bool(local(p).isfinite().all()) for p in state.model.parameters())])
        if bool(run.ranks.largest((~finite).to(torch.uint8))):
            raise UserError(self._not_finite(f"weights became infinite or not a number by step {state.step}"))
        self.saver.save(state.tensors(run.ranks), state.numbers())
        self._saved = state.step

    def stop(self) -> None:
        """Save everything, and say that the run is not done."""
        self.save()
        self.saver.wait()
        write_model(self.folder, self.run, self.predictor(), self._scores)
        self.folder.write("summary.json", self._summary("stopped"))

    def finish(self) -> dict[str, Any]:
        """Judge every part but the training one; write the model, the report, and last the summary: what it calls done
        is whole. Ranks judge together, and the first writes."""
        if self.run.worker is not None:
            return self._summary("done")
        with self.saver:
            self.save()
            take_best(self.run)
            predictor = self.predictor()
            found = judged(self.run, replace(predictor, ranks=self.run.ranks))
            self._scores = {part: one.scores for part, one in found.items()}
            self._remark_on_scores()
            summary = self._summary("done")
            write_model(self.folder, self.run, predictor, self._scores)
            write_page(self.folder, self.run, predictor, found, summary)
        self.folder.write("summary.json", summary)
        return summary

    def _remark_on_scores(self) -> None:
        for what, text in not_numbers(self.run, self._scores).items():
            self.warnings.said[what] = text
            self.tell(text)

    def predictor(self) -> Predictor:
        """The network as it is judged, with all that leads from files to answers. All ranks have to ask."""
        run = self.run
        return Predictor(run.recipe.system, run.codec, run.state.judged_model, run.device, run.precision)

    def _summary(self, status: str, **more: Any) -> dict[str, Any]:
        if self._origin is not None:
            more["origin"] = self._origin
        return summary(self.run, status, self._scores, [*self.warnings.said.values()], **more)

    def _fail(self, problem: str) -> None:
        """Note the failure in the summary, if the disk still takes it."""
        try:
            with saying_why(self.folder.path):
                self.folder.write("summary.json", self._summary("failed", error=problem))
        except UserError:
            return
