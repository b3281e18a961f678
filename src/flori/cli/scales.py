"""flori inspect NAME --scale N: how long a step would take on up to N workers."""

from __future__ import annotations

import sys
from typing import Any

from flori.cli.inspecting import picture_path
from flori.cli.printing import print_json
from flori.cli.scale_tables import Given, milliseconds, print_scale
from flori.cli.targets import recipe_of
from flori.core.machine import cores
from flori.core.recipe import Recipe, replace

SECONDS = 6.0  # of measuring alone, about, and as many for each group of workers
HERE = (2, 4)  # workers that are measured together on this machine
PAIR = 2


def predict_scale(target: str, settings: list[str], most: int, given: Given, out: str | None, as_json: bool) -> None:
    """Print the predicted step time and efficiency of every way to share the work, by number of workers.

    Args:
        given: bandwidth in GB/s and latency in µs of a message; what is None is measured between two workers here.
    """
    recipe = recipe_of(target, settings)
    path = None if out is None else picture_path(out)
    from flori.recipes.assembly import assemble
    from flori.recipes.pacing import measured, must_be_shared, unmoved

    run = assemble(unmoved(replace(recipe, {"parallel.strategy": "data"})))
    must_be_shared(run)
    counts = _counts(most)
    batch = run.recipe.training.batch
    shares = [count for count in counts if count <= batch] or [1]
    job = measured(run, shares, SECONDS, _tell)
    here = _together(run.recipe, most, run.device.type)
    document = {
        "system": recipe.system,
        "batch": job.batch,
        "targets": job.targets,
        "precision": run.precision,
        "device": run.device.type,
        "parameter_bytes": sum(job.buckets),
        **_document(job, counts, _link(run.recipe, here, given), here),
    }
    if path is not None:
        from flori.artifacts.section import save
        from flori.evaluation.scaling_plots import scaling

        save(path.parent, path.name, scaling(document["workers"]))
        document["picture"] = str(path)
    if as_json:
        print_json(document)
    else:
        print_scale(document, given)


def _tell(what: str) -> None:
    print(f"flori: {what} …", file=sys.stderr, flush=True)


def _counts(most: int) -> list[int]:
    """1, 2, 4, … and the most."""
    return sorted({1 << power for power in range(most.bit_length()) if 1 << power <= most} | {most})


def _together(recipe: Recipe, most: int, device: str) -> dict[int, dict[str, float]]:
    """By number of workers what they take together on this machine's cores."""
    if device != "cpu":
        return {}
    return {count: _measured(recipe, count) for count in HERE if count <= most}


def _measured(recipe: Recipe, workers: int) -> dict[str, float]:
    from flori.cli.companions import companions

    threads = max(1, cores() // workers)
    _tell(f"{workers} workers at once on this machine, {threads} thread{'s' * (threads > 1)} each")
    return {**companions(recipe, workers, threads, SECONDS), "threads": threads}


def _link(recipe: Recipe, here: dict[int, dict[str, float]], given: Given) -> dict[str, float]:
    """Bandwidth in bytes a second and latency in seconds."""
    gigabytes, microseconds = given
    found = {} if gigabytes is None else {"bandwidth": 1e9 * gigabytes}
    found |= {} if microseconds is None else {"latency": 1e-6 * microseconds}
    if len(found) < PAIR:
        seen = here.get(PAIR) or _measured(recipe, PAIR)
        found = {name: seen[name] for name in ("bandwidth", "latency")} | found
    return found


def _document(
    job: Any, counts: list[int], passing: dict[str, float], here: dict[int, dict[str, float]]
) -> dict[str, Any]:
    import torch

    from flori.recipes.scaling import Link, worth

    link, alone, threads = Link(**passing), job.paces[1].step, torch.get_num_threads()
    rows = [_row(job, count, link) for count in counts]
    local = [_local_row(job, count, seen) for count, seen in here.items()]
    fewest, slower = worth({row["workers"]: row["step"] for row in rows})
    warnings = []
    if fewest < counts[-1]:
        what = "would be slower" if slower else "would be no faster"
        warnings.append(f"more than {fewest} worker{'s' * (fewest > 1)} {what} at a batch of {job.batch}")
    warnings += [
        f"{row['workers']} workers on the {cores()} cores of this machine would be slower than one of {threads} "
        f"thread{'s' * (threads > 1)}: {milliseconds(row['step'])} ms a step against {milliseconds(alone)}"
        for row in local
        if row["step"] > alone
    ]
    found = {"workers": rows, "here": local, "warnings": warnings}
    return {"link": passing, "threads": threads, "alone": alone, **found}


def _row(job: Any, workers: int, link: Any) -> dict[str, Any]:
    """What so many workers take by each way, strong and weak scaling."""
    from flori.recipes.scaling import STRATEGIES, Found, data, efficiency

    alone = job.paces[1]
    found = {name: way(job, workers, link) if workers > 1 else Found(alone.step) for name, way in STRATEGIES.items()}
    possible = {name: one.seconds for name, one in found.items() if one.seconds is not None}
    best = min(possible, key=lambda name: possible[name])
    weak = data(job, workers, link, alone).seconds if workers > 1 else alone.step
    return {
        "workers": workers,
        "examples_each": -(-job.batch // workers),
        "seconds": {name: one.seconds for name, one in found.items()},
        "how": {name: one.how for name, one in found.items() if one.how},
        "efficiencies": {
            name: None if one.seconds is None else efficiency(alone.step, one.seconds, workers)
            for name, one in found.items()
        },
        "best": best if workers > 1 else None,
        "step": possible[best],
        "speedup": alone.step / possible[best],
        "efficiency": efficiency(alone.step, possible[best], workers),
        "weak": {"batch": job.batch * workers, "step": weak, "efficiency": efficiency(alone.step, weak or 0.0, 1)},
    }


def _local_row(job: Any, workers: int, seen: dict[str, float]) -> dict[str, Any]:
    """What data parallel workers take that share this machine's cores."""
    from flori.recipes.scaling import Link

    link = Link(seen["bandwidth"], seen["latency"])
    messages = sum(link.total(size, workers) for size in job.buckets)
    step = seen["step"] + messages
    return {
        "workers": workers,
        "threads": seen["threads"],
        "compute": seen["step"],
        "messages": messages,
        "step": step,
        "speedup": job.paces[1].step / step,
    }
