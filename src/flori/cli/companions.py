"""Workers on this machine that measure what they take together, ``python -m flori.cli.companions``: the recipe on the
standard input of each, what they found as JSON on the standard output of the first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from flori.core.errors import UserError
from flori.core.overrides import apply_values
from flori.core.recipe import Recipe, values
from flori.recipes.catalogue import find

PATIENCE = 120.0  # seconds that one waits for another


def companions(recipe: Recipe, workers: int, threads: int, seconds: float) -> dict[str, float]:
    """What so many workers at once, of so many threads each, take on this machine: seconds of a ``step`` without its
    messages of gradients, ``bandwidth`` in bytes a second and ``latency`` in seconds of a message between them."""
    asked = {"system": recipe.system, "values": values(recipe), "seconds": seconds}
    with tempfile.TemporaryDirectory() as folder:
        group = [_started(folder, rank, workers, threads) for rank in range(workers)]
        try:
            for one in group:
                assert one.stdin is not None
                one.stdin.write(json.dumps(asked))
                one.stdin.close()
                one.stdin = None
            said = [one.communicate(timeout=10 * PATIENCE + 10 * seconds) for one in group]
        finally:
            for one in group:
                one.kill()
    failed = [(one.returncode, errors) for one, (_, errors) in zip(group, said, strict=True) if one.returncode]
    if failed:
        status, errors = failed[0]
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"--scale: one of {workers} workers that measure ended with status {status}: {last}")
    found: dict[str, float] = json.loads(said[0][0].strip().splitlines()[-1])
    return found


def _started(folder: str, rank: int, workers: int, threads: int) -> subprocess.Popen[str]:
    told = {"RANK": rank, "WORLD_SIZE": workers, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": workers}
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        **{name: str(number) for name, number in told.items()},
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "flori.cli.companions", str(Path(folder) / "meeting")]
    return subprocess.Popen(command, text=True, env=environment, **pipes)  # type: ignore[call-overload]


def main(meeting: str) -> None:
    """Measure, together with the others that meet at a file, what standard input asks for."""
    asked: dict[str, Any] = json.loads(sys.stdin.read())
    import torch.distributed as dist

    from flori.core.ranks import launched
    from flori.recipes.assembly import assemble
    from flori.recipes.company import link, silent_step

    ranks = launched()
    dist.init_process_group(
        "gloo",
        init_method=f"file://{meeting}",
        rank=ranks.rank,
        world_size=ranks.size,
        timeout=timedelta(seconds=PATIENCE),
    )
    run = assemble(apply_values(find(asked["system"]), asked["values"]))
    found = {"step": silent_step(run, asked["seconds"]), **asdict(link(ranks.size))}
    dist.destroy_process_group()
    if ranks.first:
        print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
