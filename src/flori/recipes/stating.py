"""What a run says of itself: after each step, when it begins, and when it ends."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import flori
from flori.core.recipe import values
from flori.data.picture_files import PictureFiles
from flori.recipes.assembly import Assembly
from flori.recipes.findings import findings
from flori.training.asynchronous import staleness
from flori.training.loop import Step


@dataclass(frozen=True)
class Report:
    """What a run says after each step.

    `epoch` counts passes done (2.5: in the middle of the third); `loss` is the mean over the batch;
    `scores` holds the scores of the part in `split` where one was just judged, `remarks` what seems to be wrong, said
    once.
    """

    step: int
    steps: int
    epoch: float
    epochs: float
    loss: Tensor
    examples: int
    split: str = "train"
    scores: dict[str, float] | None = None
    remarks: tuple[str, ...] = ()


def report(run: Assembly, step: Step, scores: dict[str, float] | None, remarks: tuple[str, ...]) -> Report:
    """That of a step, after which scores may have been judged."""
    done, per_epoch = step.number, run.batches.per_epoch
    split = run.data.judged if scores else "train"
    epochs = (done / per_epoch, run.steps / per_epoch)
    return Report(done, run.steps, *epochs, step.loss, step.examples, split, scores, remarks)


def beginning_of(run: Assembly, command: str) -> dict[str, Any]:
    """What recipe.json holds: all that the run is made by, and on what it began."""
    recipe = run.recipe
    versions = {"flori": flori.__version__, "torch": torch.__version__, "python": platform.python_version()}
    held = isinstance(getattr(run.data.parts["train"], "inputs", None), PictureFiles)
    resolved = {
        "device": run.device.type,
        "precision": run.precision,
        "threads": torch.get_num_threads(),
        "workers": run.ranks.size,
        "cache": "none" if held else "memory",
    }
    return {
        "system": recipe.system,
        "recipe": values(recipe),
        "command": command,
        "seed": recipe.seed,
        "resolved": resolved,
        "fingerprint": run.fingerprint(),
        "versions": versions,
    }


def summary(
    run: Assembly, status: str, scores: dict[str, dict[str, float]], remarks: Sequence[str], **more: Any
) -> dict[str, Any]:
    """What summary.json holds: how far a run came, how well it does, and what it warned of."""
    state, per_epoch = run.state, run.batches.per_epoch
    found = {
        "status": status,
        "system": run.recipe.system,
        "data": run.recipe.data.source,
        "steps": state.step,
        "epochs": state.step / per_epoch,
        "seconds": round(state.seconds, 3),
        "examples_per_second": round(state.examples / state.busy, 1) if state.busy else 0.0,
        "parameters": run.parameters,
        "device": run.device.type,
        "precision": run.precision,
        **({} if run.ranks.alone else {"workers": run.ranks.size}),
        "scores": scores,
        "version": flori.__version__,
        **({"staleness": stale} if (stale := staleness(state.notes)) else {}),
        **findings(run.recipe.training, state, per_epoch),
        **more,
    }
    if remarks:
        found["remarks"] = [*remarks]
    if run.data.skipped:
        found["skipped"] = [str(fault) for fault in run.data.skipped]
    return found


def model_options(run: Assembly) -> dict[str, Any]:
    """The settings of the network, which are saved with it."""
    prefix = "model."
    found = values(run.recipe).items()
    return {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}
