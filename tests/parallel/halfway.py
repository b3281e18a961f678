"""What each process of a group does: a case up to half its steps, a checkpoint of it, and the rest from that."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from flori.artifacts import checkpoints
from flori.core.ranks import joined
from flori.training.loop import loop
from tests.parallel.cases import STEPS, assembled


def gone_on(case: str, folder: Path) -> dict[str, Tensor]:
    """The weights of a case that goes on from its checkpoint in a folder."""
    run = assembled(case, folder)
    found, _ = checkpoints.load_newest(folder / "checkpoints", run.ranks, run.state.like)
    assert found is not None
    run.state.restore(found.tensors, found.numbers, run.share)
    assert run.state.step == STEPS // 2
    for _ in loop(run.state, run.batches, run.update, run.steps, run.recipe.seed, run.order.drawn):
        pass
    return {name: t.detach().clone().contiguous() for name, t in run.state.judged_model.state_dict().items()}


def main(folder: Path, case: str) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    with joined("cpu", 900.0) as ranks:
        run = assembled(case, folder)
        for _ in loop(run.state, run.batches, run.update, STEPS // 2, run.recipe.seed, run.order.drawn):
            pass
        checkpoints.save(folder / "checkpoints", run.state.tensors(ranks), run.state.numbers(), ranks)
        save_file(gone_on(case, folder), folder / f"{ranks.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
