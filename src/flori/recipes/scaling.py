"""The time of a step on n workers, from what a step takes here and what a message takes: the equations of
`flori.reference.scaling`, closed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

SAME = 1.02  # times as long that counts as no longer


@dataclass(frozen=True)
class Link:
    """What passes between two workers: bytes a second, and seconds that a message takes however short it is."""

    bandwidth: float
    latency: float

    def send(self, size: float) -> float:
        """Seconds for so many bytes from one to the other."""
        return self.latency + size / self.bandwidth

    def gather(self, size: float, workers: int) -> float:
        """Seconds until all have the parts of all, `size` bytes together; or until each has its part of a sum."""
        return (workers - 1) * self.send(size / workers)

    def total(self, size: float, workers: int) -> float:
        """Seconds until all have the sum of `size` bytes (ring all-reduce)."""
        return 2 * self.gather(size, workers)


@dataclass(frozen=True)
class Pace:
    """Seconds of a step on some share of a batch: forward pass, backward pass, update (with clipping), and the rest:
    reading the examples, a moving average. `ready` is how long into the backward pass each bucket of gradients is
    whole."""

    forward: float
    backward: float
    update: float
    rest: float
    ready: tuple[float, ...]

    @property
    def step(self) -> float:
        """All of it."""
        return self.forward + self.backward + self.update + self.rest


@dataclass(frozen=True)
class Layer:
    """One with weights: how many outputs (units, channels) it may be split by, its multiply-adds for an example, and
    the bytes that it puts out for one."""

    outputs: int
    work: int
    size: int


@dataclass(frozen=True)
class Job:
    """A step as it was measured, in shares of a batch.

    Args:
        batch: examples of the whole batch; targets: what its loss is the mean over.
        paces: by the number of workers that share the batch; 1 among them.
        buckets: bytes of gradients that are sent together, in the order in which they are whole.
        small: bytes of each further all-reduce of a data parallel step: the loss, what batch norms remember.
        layers: in the order in which they run.
    """

    batch: int
    targets: int
    paces: Mapping[int, Pace]
    buckets: tuple[int, ...]
    small: tuple[int, ...]
    layers: tuple[Layer, ...]

    def share(self, workers: int) -> Pace:
        """The pace of each of so many workers; more than there are examples leave some idle."""
        return self.paces[max(count for count in self.paces if count <= workers)]


@dataclass(frozen=True)
class Found:
    """Seconds of a step, None where so many workers cannot share the work in this way; and how it would be done."""

    seconds: float | None
    how: str = ""


def data(job: Job, workers: int, link: Link, pace: Pace | None = None) -> Found:
    """Each worker takes a share of the batch, and gradients are summed in buckets as soon as they are whole."""
    pace = job.share(workers) if pace is None else pace
    done = finished(pace.ready, [link.total(size, workers) for size in job.buckets])
    rest = sum(link.total(size, workers) for size in job.small)
    return Found(pace.forward + max(pace.backward, done) + pace.update + pace.rest + rest)


def shard(job: Job, workers: int, link: Link, pace: Pace | None = None) -> Found:
    """Each keeps and updates a share of the weights: gathered for both passes, gradients scattered, block by block."""
    pace = job.share(workers) if pace is None else pace
    moved = sum(3 * link.gather(size, workers) for size in job.buckets)
    rest = sum(link.total(size, workers) for size in job.small)
    return Found(moved + pace.forward + pace.backward + pace.update / workers + pace.rest + rest)


def tensor(job: Job, workers: int, link: Link) -> Found:
    """Every layer that has outputs enough is split over all workers; each works through the whole batch."""
    pace, split = job.paces[1], [layer for layer in job.layers if layer.outputs >= workers]
    share = sum(layer.work for layer in split) / max(1, sum(layer.work for layer in job.layers))
    if not share:
        return Found(None)
    learning = (pace.forward + pace.backward + pace.update) * (1 - share + share / workers)
    seconds = [split[min(i + 1, len(split) - 1)] for i in range(0, len(split), 2)]  # by their inputs: sums are due
    sums = sum(2 * link.total(job.batch * layer.size, workers) for layer in seconds)
    return Found(learning + pace.rest + sums, f"{share:.0%} split")


def pipeline(job: Job, workers: int, link: Link) -> Found:
    """Each worker has a stage of neighbouring layers; the batch comes in as many micro-batches as are best."""
    if workers > len(job.layers):
        return Found(None)
    work = [layer.work for layer in job.layers]
    busiest = busiest_stage(work, workers) / max(1, sum(work))
    size = max(layer.size for layer in job.layers[:-1]) if workers > 1 else 0
    found = []
    for parts, pace in job.paces.items():
        send = link.send(size * math.ceil(job.batch / parts))
        passes = sum(passed(workers, parts, time * busiest, send) for time in (pace.forward, pace.backward))
        found.append((passes + job.paces[1].update * busiest + job.paces[1].rest, parts))
    seconds, parts = min(found)
    return Found(seconds, f"{parts} parts, {bubble(workers, parts):.0%} idle")


STRATEGIES: dict[str, Callable[[Job, int, Link], Found]] = {
    "data": data,
    "shard": shard,
    "tensor": tensor,
    "pipeline": pipeline,
}


def finished(ready: Sequence[float], seconds: Sequence[float]) -> float:
    """When messages are through that are sent one after the other, each as soon as it is ready."""
    free = 0.0
    for whole, message in zip(ready, seconds, strict=True):
        free = max(free, whole) + message
    return free


def passed(stages: int, parts: int, stage: float, send: float) -> float:
    """Seconds for `parts` micro-batches through all stages in one direction, sent on while the next is computed."""
    return stages * stage + (stages - 1) * send + (parts - 1) * max(stage, send if stages > 1 else 0.0)


def bubble(stages: int, parts: int) -> float:
    """The share of the time that a stage of a pipeline waits."""
    return (stages - 1) / (parts + stages - 1)


def busiest_stage(work: Sequence[int], stages: int) -> int:
    """The least work that the busiest of so many stages of neighbouring layers can have."""
    low, high = max(work), sum(work)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _stages(work, middle) <= stages else (middle + 1, high)
    return low


def _stages(work: Sequence[int], most: int) -> int:
    """How many stages of at most so much work are needed."""
    count, filled = 1, 0
    for one in work:
        if filled + one > most:
            count, filled = count + 1, 0
        filled += one
    return count


def efficiency(alone: float, together: float, workers: int) -> float:
    """The speed of `workers` as a share of so many times that of one alone."""
    return alone / (workers * together)


def worth(times: Mapping[int, float]) -> tuple[int, bool]:
    """Of step times by numbers of workers, the fewest that are as fast as any; and whether the most are slower."""
    least = min(times.values())
    fewest = min(count for count, seconds in times.items() if seconds <= SAME * least)
    return fewest, times[max(times)] > SAME * times[fewest]
