"""Where the time of training steps goes: data, each layer forwards and backwards, loss, update.

A clock that is always running for somebody: every moment between the first step and the last is counted once. A layer's
forward time is its own, without that of the layers in it; backwards each node of the graph counts for the layer that
made it.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch

from flori.core import seeds
from flori.models.calls import Call, Calls, nodes_below
from flori.recipes.assembly import Assembly

DATA, REST, LOSS, GRAPH = "data", "all else", "loss", "backward, between the layers"
CLIPPING, UPDATE, CLOCK = "gradients clipped", "update of the weights", "this clock"
WARM_UP = 2  # steps that are not counted
Key = tuple[str, str]
"""A layer and "forward" or "backward"; or one of the words above and ""."""


@dataclass
class Profile:
    """Seconds of `steps` steps by layer and direction; `wall` by one look at the clock before and after them, and
    `plain` of as many steps on which nobody looked."""

    steps: int
    seconds: dict[Key, float]
    wall: float
    plain: float


class _Clock:
    """Seconds by key: those that pass count for the last key that was pushed."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[Key, float] = defaultdict(float)
        self.stack: list[Key] = [(REST, "")]
        self.synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
        self.last = time.perf_counter()

    def charge(self) -> None:
        self.synchronise()
        now = time.perf_counter()
        self.seconds[self.stack[-1]] += now - self.last
        self.last = now

    def push(self, key: Key) -> None:
        self.charge()
        self.stack.append(key)

    def pop(self) -> None:
        self.charge()
        self.stack.pop()

    def instead(self, key: Key) -> None:
        """From here on what is not for a layer counts for this."""
        self.charge()
        self.stack[0] = key


@dataclass
class _Watch:
    """The clock, and who tells it what happens."""

    run: Assembly
    clock: _Clock
    calls: Calls
    names: dict[str, str] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    handles: list[Any] = field(default_factory=list)

    def entered(self, call: Call) -> None:
        self.clock.push((call.name, "forward"))

    def left(self, call: Call) -> None:
        self.clock.pop()
        if call.parent is None and not call.name:
            self.clock.push((CLOCK, ""))
            self.names = {one.name: self.calls.label(one) for one in self.calls.found}
            self.names |= {part: label for label in self.names.values() for part in label.split(", ") if part != label}
            self.clock.pop()
            self.clock.instead((LOSS if self.run.state.optimizer is not None else REST, ""))

    def graph(self, outputs: Any) -> None:
        """Have the nodes below the network's outputs tell when they run."""
        self.clock.push((CLOCK, ""))
        self.forget()
        nodes = nodes_below([t for t in outputs if isinstance(t, torch.Tensor)])
        left = Counter({"nodes": len(nodes)})
        after = (CLIPPING if self.run.recipe.training.clip is not None else REST, "")

        def enter(name: str) -> Callable[..., None]:
            return lambda *_: self.clock.push((name, "backward"))

        def leave(*_: object) -> None:
            self.clock.pop()
            left["nodes"] -= 1
            self.clock.instead((GRAPH, "") if left["nodes"] else after)

        for node in nodes:
            self.handles += [node.register_prehook(enter(self._name(node))), node.register_hook(leave)]
        self.clock.pop()

    def forget(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    def _name(self, node: Any) -> str:
        if hasattr(node, "variable"):
            return self.owners.get(id(node.variable), "")
        call = self.calls.of(node)
        return call.name if call is not None else ""


def profiled(run: Assembly, seconds: float, told: Callable[[str], None] = lambda what: None) -> Profile:
    """The time of steps of the run as it trains, as many as take about so long, from 3 to 100; `told` hears how far it
    is. As many more are taken on which nobody looks."""
    batches = _endless(run)
    for _ in range(WARM_UP):
        before = time.perf_counter()
        _step(run, next(batches))
    steps = max(3, min(100, round(seconds / (time.perf_counter() - before))))
    clock = _Clock(run.device)
    watch, plain, wall = _Watch(run, clock, Calls(run.state.model)), 0.0, 0.0
    watch.owners = {id(p): name.rpartition(".")[0] for name, p in run.state.model.named_parameters()}
    for number in range(1, steps + 1):  # in turn, so that a machine that slows down slows both
        clock.synchronise()
        start = time.perf_counter()
        _step(run, next(batches))
        clock.synchronise()
        plain += time.perf_counter() - start
        wall += _watched_step(watch, batches)
        told(f"step {number} of {steps}")
    return Profile(steps, _by_layer(watch), wall, plain)


def _watched_step(watch: _Watch, batches: Iterator[Any]) -> float:
    """Take a step under the clock; its seconds by two looks at another."""
    run, clock = watch.run, watch.clock
    watch.calls.entered, watch.calls.left = watch.entered, watch.left
    handles = [run.state.model.register_forward_hook(lambda model, given, output: watch.graph(_flat(output)))]
    if run.state.optimizer is not None:
        handles += [
            run.state.optimizer.register_step_pre_hook(lambda *_: clock.push((UPDATE, ""))),
            run.state.optimizer.register_step_post_hook(lambda *_: clock.pop()),
        ]
    with watch.calls.watched():
        start = clock.last = time.perf_counter()
        clock.stack = [(DATA, "")]
        batch = next(batches)
        clock.instead((REST, ""))
        _step(run, batch)
        clock.charge()
        seconds = time.perf_counter() - start
    watch.forget()
    for handle in handles:
        handle.remove()
    return seconds


def _by_layer(watch: _Watch) -> dict[Key, float]:
    found: defaultdict[Key, float] = defaultdict(float)
    for (name, way), seconds in watch.clock.seconds.items():
        found[watch.names.get(name, name) if way else name, way] += seconds
    return dict(found)


def _flat(output: Any) -> Any:
    return output if isinstance(output, tuple | list) else [output]


def _endless(run: Assembly) -> Iterator[Any]:
    for epoch in count():
        yield from run.batches.epoch(epoch)


def _step(run: Assembly, batch: Any) -> None:
    run.state.learn()
    with seeds.scope(run.recipe.seed, "step", run.state.step):
        run.update(run.state, batch)
    run.state.step += 1
