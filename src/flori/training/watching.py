"""What the layers of a network put out, and what gradients come back to them, seen in passes that change nothing.

Watched are the layers that hold a matrix of weights. Of an activation it does not matter whether a module or a function
takes it: it counts for the layer that ran last.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

FLAT = 0.01  # a sigmoid or tanh this near to its bound, as a share of its range, is flat
RECURRENT = re.compile(r"_(l\d+(_reverse)?)$")


@dataclass
class Seen:
    """Of one layer over all calls: sums over the numbers that it put out, and over their gradients.

    `alive` bool [units]: which of its rectified units (channels of pictures, else features) were ever above zero;
    `flat` and `bounded`: how many outputs of a sigmoid or tanh were near a bound, of how many.
    """

    numbers: int = 0
    total: float = 0.0
    squares: float = 0.0
    gradient_squares: float = 0.0
    reached: bool = False
    alive: Tensor | None = None
    flat: int = 0
    bounded: int = 0

    @property
    def size(self) -> float | None:
        """The root of the mean square of the outputs."""
        return math.sqrt(self.squares / self.numbers) if self.numbers else None

    @property
    def spread(self) -> float | None:
        """The standard deviation of the outputs."""
        if not self.numbers:
            return None
        mean = self.total / self.numbers
        variance = self.squares / self.numbers - mean * mean
        return math.sqrt(variance) if variance > 0 else variance * 0.0  # nan stays nan

    @property
    def gradient(self) -> float | None:
        """The norm of the loss's gradient with respect to all outputs."""
        return math.sqrt(self.gradient_squares) if self.reached else None

    @property
    def dead(self) -> float | None:
        """The share of rectified units that were never above zero."""
        return None if self.alive is None else 1 - float(self.alive.double().mean())

    @property
    def saturated(self) -> float | None:
        """The share of outputs of a sigmoid or tanh where it is flat."""
        return self.flat / self.bounded if self.bounded else None

    def put_out(self, output: Tensor) -> None:
        """Count a tensor of outputs, and the gradient that will come back to it."""
        values = output.detach()
        self.numbers += values.numel()
        self.total += float(values.sum(dtype=torch.float64))
        self.squares += squared_norm(values)
        if output.requires_grad:
            output.register_hook(self._come_back)

    def _come_back(self, gradient: Tensor) -> None:
        self.gradient_squares += squared_norm(gradient)
        self.reached = True

    def rectified(self, output: Tensor) -> None:
        """Count the units above zero of a rectified tensor [N, C, H, W] or […, D]."""
        above = output.detach() > 0
        units = (above.transpose(1, -1) if above.dim() > 3 else above).flatten(0, -2).any(0)
        self.alive = units if self.alive is None or len(self.alive) != len(units) else self.alive | units

    def squashed(self, output: Tensor, low: float) -> None:
        """Count the outputs that are within `FLAT` of the bounds `low` and 1."""
        edge = FLAT * (1 - low)
        self.flat += int(((output.detach() < low + edge) | (output.detach() > 1 - edge)).sum())
        self.bounded += output.numel()


def squared_norm(t: Tensor) -> float:
    """The sum of squares, summed up in float64."""
    norm = float(torch.linalg.vector_norm(t.detach(), dtype=torch.float64))
    return norm * norm  # infinite where it overflows; a power would raise an error


@dataclass
class Watch:
    """Layers by name, in the order in which the network holds them."""

    layers: dict[str, Seen] = field(default_factory=dict)
    last: str | None = None


def matrices(model: nn.Module) -> dict[str, dict[str, nn.Parameter]]:
    """The layers that hold weights of two dimensions or more, by name; each with those weights by their whole names.

    A recurrent module is as many layers as it has. Where no layer has such weights, all that have any count.
    """
    found: dict[str, dict[str, nn.Parameter]] = {}
    for least in (2, 0):
        for name, module in model.named_modules():
            for own, p in module.named_parameters(recurse=False):
                if p.dim() >= least:
                    level = RECURRENT.search(own) if isinstance(module, nn.RNNBase) else None
                    layer = f"{name}.{level[1]}" if level else name
                    found.setdefault(layer, {})[f"{name}.{own}".removeprefix(".")] = p
        if found:
            break
    return found


@contextmanager
def watching(model: nn.Module) -> Iterator[Watch]:
    """Within it every pass forward and backward is counted, layer by layer. Layers that are not called as modules, such
    as recurrent ones on a processor, put out nothing that is seen."""
    watch = Watch({name: Seen() for name in matrices(model)})
    called = [(name, module) for name, module in model.named_modules() if name in watch.layers]
    handles = [module.register_forward_hook(_noting(watch, name)) for name, module in called]
    try:
        with _Activations(watch):
            yield watch
    finally:
        for handle in handles:
            handle.remove()


def _noting(watch: Watch, name: str) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point():
            watch.last = name
            watch.layers[name].put_out(output)

    return note


class _Activations(TorchFunctionMode):
    """Sees each activation, for the layer that ran last."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        kind = getattr(function, "__name__", "").strip("_")
        # Without gradients it is part of a larger operation, such as a gate of a recurrent cell.
        if kind in ("relu", "sigmoid", "tanh") and self.watch.last is not None and torch.is_grad_enabled():
            seen = self.watch.layers[self.watch.last]
            if kind == "relu":
                seen.rectified(output)
            else:
                seen.squashed(output, 0.0 if kind == "sigmoid" else -1.0)
        return output
