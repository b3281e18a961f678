"""What each process of a group does that does not wait for others: the cases named, one after the other; the owner
writes what came of them."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from flori.core.overrides import apply_values
from flori.core.ranks import joined
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find
from flori.training.asynchronous import staleness
from flori.training.loop import loop

PICTURES = {"data": "digits", "data.examples": 55, "batch": 13, "steps": 20, "precision": "float64", "device": "cpu"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "momentum": ("lenet", {"optimizer": "momentum", "lr": 0.05, "data.shift": 2, "parallel.staleness": 0}),
    "plain": (
        "mlp",
        {
            "optimizer": "sgd",
            "training.momentum": 0.0,
            "schedule": "cosine",
            "training.clip": 0.05,
            "training.l1": 1e-3,
            "training.average": 0.9,
            "training.accumulate": 2,
            "model.dropout": 0.0,
            "parallel.staleness": 0,
        },
    ),
    "slow": ("mlp", {"optimizer": "sgd", "steps": 60, "parallel.staleness": 3, "parallel.slow": "2:30"}),
}


def assembled(case: str) -> Assembly:
    system, settings = CASES[case]
    return assemble(apply_values(find(system), {**PICTURES, "parallel": "async", **settings}))


def trained(run: Assembly) -> dict[str, Tensor]:
    """The loss of each step, and all weights after them."""
    steps = loop(run.state, run.batches, run.update, run.steps, run.recipe.seed)
    losses = torch.tensor([float(step.loss) for step in steps], dtype=torch.float64)
    return {"losses": losses, **{name: t.contiguous() for name, t in run.state.judged_model.state_dict().items()}}


def main(out: Path, cases: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    with joined("cpu", 60.0):
        for case in cases:
            run = assembled(case)
            if run.worker is not None:
                run.worker.work()
                continue
            save_file(trained(run), out / f"{case}.safetensors")
            assert run.owner is not None
            run.owner.close()
            (out / f"{case}.json").write_text(json.dumps(staleness(run.state.notes)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
