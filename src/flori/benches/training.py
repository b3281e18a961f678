"""What contestants that train have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.autograd import backward

from flori.benches.timing import Contestant
from flori.core.overrides import apply_values
from flori.core.recipe import Training
from flori.data.named import folder
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find
from flori.training.loop import loop


def endless(run: Assembly) -> Contestant:
    """flori's own loop on an assembled run."""
    for step in loop(run.state, run.batches, run.update, 10**12, run.recipe.seed):
        yield step.examples


def ordinary(model: nn.Module, training: Training, losses: Iterable[tuple[Tensor, int]]) -> Contestant:
    """The ordinary loop: for each loss, with the number of its targets, gradients, clipped, and a step of Adam."""
    optimizer = torch.optim.Adam(model.parameters(), training.lr)
    for loss, count in losses:
        optimizer.zero_grad()
        backward(loss)
        if training.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), training.clip)
        optimizer.step()
        yield count


def assembled(system: str, known: str, generate: Callable[[Path], Path]) -> Assembly:
    """A run of a system's recipe, on the processor, of the known set where that is already there, else of a generated
    file: a bench fetches nothing."""
    with TemporaryDirectory() as temporary:
        source = known if folder(known).is_dir() else str(generate(Path(temporary)))
        return assemble(apply_values(find(system), {"data": source, "device": "cpu"}))


def data_of(run: Assembly) -> str:
    """What its data is called."""
    return Path(run.recipe.data.source).stem
