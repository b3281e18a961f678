"""Which call of which layer made what: nodes of the computational graph, tensors held for backward, seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(eq=False)
class Call:
    """One call of a layer. `first` and `last`: the numbers of the first node of the graph that it made and of the first
    that it did not; `given` and `shape`: the tensors that it got, and the shape of what it put out."""

    name: str
    module: nn.Module
    parent: Call | None
    first: int
    last: int = 1 << 63
    given: tuple[Tensor, ...] = ()
    shape: tuple[int, ...] = ()
    whole: bool = True  # whether it called no layer itself

    @property
    def way(self) -> list[Call]:
        """The calls that it came through, the network's own first, itself last."""
        return [*(self.parent.way if self.parent else []), self]


@dataclass(eq=False)
class Calls:
    """All calls of a network's layers while `watched`, since it was last called itself, in their order; and the one
    that is running. `entered` and `left` are told of each. What layers were given lives on only if it is to be kept."""

    model: nn.Module
    keep: bool = False
    found: list[Call] = field(default_factory=list)
    running: Call | None = None
    entered: Callable[[Call], None] = lambda call: None
    left: Callable[[Call], None] = lambda call: None
    _names: dict[str, list[str]] | None = None

    @contextmanager
    def watched(self) -> Iterator[Calls]:
        """Within it every call of a layer is noted."""
        handles = []
        for name, module in self.model.named_modules():
            handles.append(module.register_forward_pre_hook(self._enter(name)))
            handles.append(module.register_forward_hook(self._leave))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def of(self, node: Any) -> Call | None:
        """The innermost call that made a node of the graph, None for the network's surroundings."""
        number = node._sequence_nr()
        place = bisect_right(self.found, number, key=lambda call: call.first) - 1
        call = self.found[place] if place >= 0 else None
        while call is not None and number >= call.last:
            call = call.parent
        return call

    def label(self, call: Call) -> str:
        """The layer's name. What a layer does by itself is named after the layers in it that hold weights and are not
        called, such as recurrent ones, whose loop over time is another's."""
        return ", ".join(self._uncalled().get(call.name, ())) or call.name or f"({type(call.module).__name__})"

    def _uncalled(self) -> dict[str, list[str]]:
        """By the name of a layer, the layers with weights in it that it runs by itself."""
        if self._names is not None:
            return self._names
        called, found = {call.name for call in self.found}, dict[str, list[str]]()
        for name, module in self.model.named_modules():
            if name not in called and next(module.parameters(recurse=False), None) is not None:
                above = name
                while above and above not in called:
                    above = above.rpartition(".")[0]
                found.setdefault(above, []).append(name)
        self._names = found
        return found

    def _enter(self, name: str) -> Callable[..., None]:
        def enter(module: nn.Module, given: tuple[Any, ...]) -> None:
            if not name:  # the network is called anew
                self.found.clear()
                self._names = None
            tensors = tuple(t for t in given if isinstance(t, Tensor)) if self.keep else ()
            call = Call(name, module, self.running, torch.autograd._get_sequence_nr(), given=tensors)
            if self.running is not None:
                self.running.whole = False
            self.found.append(call)
            self.running = call
            self.entered(call)

        return enter

    def _leave(self, module: nn.Module, given: object, output: Any) -> None:
        call = self.running
        assert call is not None and call.module is module
        call.last = torch.autograd._get_sequence_nr()
        call.shape = next((tuple(t.shape) for t in tensors_of(output)), ())
        self.left(call)
        self.running = call.parent


def tensors_of(output: Any) -> list[Tensor]:
    """The tensors of what a layer puts out: one, or those in a tuple."""
    if isinstance(output, Tensor):
        return [output]
    return [t for t in output if isinstance(t, Tensor)] if isinstance(output, tuple | list) else []


def nodes_below(outputs: list[Tensor]) -> list[Any]:
    """All nodes of the graph that tensors were computed by, leaves too, each once; from the outputs on."""
    found, waiting = dict[int, Any](), [t.grad_fn for t in outputs if t.grad_fn is not None]
    while waiting:
        node: Any = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            waiting += [below for below, _ in node.next_functions if below is not None]
    return list(found.values())
