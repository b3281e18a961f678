"""What flori inspect --scale found, as tables for people."""

from __future__ import annotations

from typing import Any

from flori.cli.printing import print_table

Given = tuple[float | None, float | None]
"""Bandwidth in GB/s and latency in µs that a user gave."""


def print_scale(found: dict[str, Any], given: Given) -> None:
    """Print the document of ``--json``: workers on machines of their own, on this one, what is assumed, warnings."""
    threads = found["threads"]
    here = f"{found['device']}, {found['precision']}, {threads} thread{'s' * (threads > 1)}"
    print(f"{found['system']}: a batch of {found['batch']} takes {milliseconds(found['alone'])} ms here ({here}); "
          f"{found['parameter_bytes'] / 1e6:,.2f} MB of gradients\n")  # fmt: skip
    _print_workers(found["workers"])
    if found["here"]:
        _print_here(found["here"])
    print("\n".join([*_assumptions(found, given), *(f"warning: {one}" for one in found["warnings"])]))
    if "picture" in found:
        print(f"picture {found['picture']}")


def milliseconds(seconds: float | None) -> str:
    """As text; a dash where there is none."""
    return "–" if seconds is None else f"{1000 * seconds:,.2f}"


def _print_workers(found: list[dict[str, Any]]) -> None:
    names = list(found[0]["seconds"])
    rows = [[str(row["workers"]), str(row["examples_each"]), *(milliseconds(row["seconds"][name]) for name in names),
             row["best"] or "", f"{row['speedup']:.2f}", f"{row['efficiency']:.0%}",
             milliseconds(row["weak"]["step"]), f"{row['weak']['efficiency']:.0%}"] for row in found]  # fmt: skip
    head = ["workers", "examples each", *names, "best", "speed-up", "efficiency", "weak", "efficiency"]
    print_table(head, rows, numbers=[i for i in range(len(head)) if i != len(names) + 2])
    print("milliseconds a step, one worker on each machine; weak: each worker keeps a whole batch, data parallel\n")


def _print_here(found: list[dict[str, Any]]) -> None:
    times = ("compute", "messages", "step")
    rows = [[str(row["workers"]), str(row["threads"]), *(milliseconds(row[what]) for what in times),
             f"{row['speedup']:.2f}"] for row in found]  # fmt: skip
    print_table(["workers on this machine", "threads each", *times, "speed-up"], rows, numbers=range(6))
    print()


def _assumptions(found: dict[str, Any], given: Given) -> list[str]:
    link = found["link"]
    sources = ["given" if one is not None else "measured between two processes here" for one in given]
    here = "on this machine: what all compute at once, measured; messages take turns with it"
    return [
        "assumed:",
        f"  messages: {1e6 * link['latency']:,.1f} µs ({sources[1]}) and {link['bandwidth'] / 1e9:,.3g} GB/s "
        f"({sources[0]}), in a ring, all pairs at once",
        "  every worker is as fast as this one, on its share of the batch as measured; none waits for a slow one",
        "  data: gradients in buckets of 1 and 25 MiB, sent while the backward pass goes on",
        "  shard: weights gathered for both passes, gradients scattered, in blocks as data's buckets; not hidden",
        "  tensor: layers of outputs enough are split without loss, in pairs; two all-reduces a pair, not hidden",
        "  pipeline: neighbouring layers by their multiply-adds, as many micro-batches as are best, sent on meanwhile",
        *([f"  {here}"] if found["here"] else []),
    ]
