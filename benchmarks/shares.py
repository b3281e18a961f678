"""What each of several workers holds of a network that they divide: bytes of weights and of the optimiser's memory, and
the most that its process had in memory.

    python benchmarks/shares.py [NAME [key=value …]]

Each way is started by torchrun on this machine, for 1, 2 and 4 workers, takes two steps, and says what each worker
holds then. Without a name: transformer-lm and resnet18 as their recipes have them, in float32.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import Any

STEPS = ("steps=2", "device=cpu", "precision=float32")
SYSTEMS: dict[str, tuple[str, ...]] = {
    "transformer-lm": ("data=time-machine", "optimizer=adamw", "batch=8"),
    "resnet18": ("data=cifar10-5k", "optimizer=adamw", "batch=16"),
}
WAYS: dict[str, tuple[tuple[int, tuple[str, ...]], ...]] = {
    "alone": ((1, ()),),
    "data": ((2, ()), (4, ())),
    "shard": ((2, ("parallel=shard",)), (4, ("parallel=shard",))),
    "tensor": tuple((n, (f"parallel.tensor={n}",)) for n in (2, 4)),
    "pipeline": tuple((n, (f"parallel.pipeline={n}",)) for n in (2, 4)),
    "tensor and pipeline": ((4, ("parallel.tensor=2", "parallel.pipeline=2")),),
    "shard and pipeline": ((4, ("parallel=shard", "parallel.pipeline=2")),),
}


def main() -> None:
    """Run all, print a line each."""
    words = sys.argv[1:]
    systems = {words[0]: tuple(words[1:])} if words else SYSTEMS
    head = ("system", "way", "workers", "weights, MiB", "with the optimiser's, MiB", "process at most, MiB")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for system, settings in systems.items():
        for way, sizes in WAYS.items():
            for workers, how in sizes:
                found = held(workers, [system, *STEPS, *settings, *how])
                columns = (" ".join(f"{one[key] / 2**20:.1f}" for one in found) for key in ("weights", "all", "most"))
                print(f"| {system} | {way} | {workers} | {' | '.join(columns)} |", flush=True)


def held(workers: int, words: list[str]) -> list[dict[str, Any]]:
    """What each worker says of itself."""
    launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={workers}")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *launcher, __file__, "--worker", *words], stdout=subprocess.PIPE, env=environment, check=True
    )
    return sorted(map(json.loads, done.stdout.splitlines()), key=lambda one: one["rank"])


def work(words: list[str]) -> None:
    """Two steps as one of several workers, and what is held after them."""
    from flori.core.overrides import apply
    from flori.core.ranks import current, joined
    from flori.recipes.assembly import assemble
    from flori.recipes.catalogue import find
    from flori.training.loop import loop
    from flori.training.sharding import local

    with joined("cpu", 600.0):
        run = assemble(apply(find(words[0]), words[1:]))
        assert run.state.optimizer is not None
        before = most()
        for _ in loop(run.state, run.batches, run.update, run.steps, run.recipe.seed, run.order.drawn):
            pass
        weights = [*run.state.model.parameters()]
        slots = [t for kept in run.state.optimizer.state.values() for t in kept.values() if t.dim()]
        bytes_of = [sum(local(t).numel() * t.element_size() for t in some) for some in (weights, [*weights, *slots])]
        found = {"rank": current().rank, "weights": bytes_of[0], "all": bytes_of[1], "before": before, "most": most()}
        print(json.dumps(found), flush=True)


def most() -> int:
    """Bytes that this process had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2:])
    else:
        main()
