"""Which part of a picture each number in a network can depend on: its receptive field.

Along the graph, as the operations run. A convolution or pooling of kernel k, stride s, dilation d and padding p makes
of a field of size r, step j and first place a: r + (k − 1)·d·j, j·s and a − p·j (Araujo, Norris and Sim, "Computing
receptive fields of convolutional neural networks", 2019). Where branches meet it is what covers both; after a mean over
the picture, or a dense layer, it is all that its inputs cover together.

Letters: r places of the input, neighbours in a map being j places apart, the first of them seeing from place a on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary


@dataclass(frozen=True)
class Field:
    """In one dimension: the place p of a map depends on `size` places of the input from ``start + step·p`` on, of which
    some may be padding. A step of 0: every number depends on the same."""

    start: int
    step: int
    size: int

    def slid(self, kernel: int, stride: int, padding: int, dilation: int) -> Field:
        """The field of a map that a kernel makes of this one."""
        reach = (kernel - 1) * dilation
        return Field(self.start - padding * self.step, self.step * stride, self.size + reach * self.step)

    def cut(self, places: range) -> Field:
        """The field of a part of the map, such as every second place."""
        return Field(self.start + self.step * places.start, self.step * places.step, self.size)

    def whole(self, places: int) -> Field:
        """What all places together depend on."""
        return Field(self.start, 0, self.size + self.step * (places - 1))

    def within(self, places: int, at: int) -> range:
        """The places of an input of so many that the place `at` depends on."""
        start = self.start + self.step * at
        return range(max(0, start), min(places, start + self.size))


Fields = tuple[Field, ...]


def receptive_fields(model: nn.Module, pictures: Tensor) -> dict[str, Fields]:
    """By layer, in the order in which they first run, the field of what it puts out, down and across; of the network
    itself as ``""``.

    Args:
        pictures: [N, C, H, W], as the network takes them; it computes in the mode that it is in.
    """
    tracing, found = _Tracing(pictures), dict[str, Fields]()
    handles = []
    for name, layer in model.named_modules():

        def note(layer: nn.Module, _: object, output: Any, name: str = name) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor) and first in tracing.known:
                found.setdefault(name, tracing.known[first])

        handles.append(layer.register_forward_hook(note))
    try:
        with torch.no_grad(), tracing:
            model(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return found


class _Tracing(TorchDispatchMode):
    """Keeps the field of every tensor that depends on the pictures."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self.known = WeakTensorKeyDictionary()
        self.known[pictures] = (Field(0, 1, 1),) * (pictures.dim() - 2)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        sources = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and t in self.known]
        before = [(t.shape, self.known[t]) for t in sources]  # an operation in place changes what it is given
        output = func(*args, **(kwargs or {}))
        for t in tree_leaves(output):
            if before and isinstance(t, Tensor):
                self.known[t] = _after(func.overloadpacket.__name__, args, before, t)
        return output


def _after(name: str, args: Sequence[Any], before: list[tuple[torch.Size, Fields]], output: Tensor) -> Fields:
    shape, fields = before[0]
    if name in ("convolution", "max_pool2d_with_indices", "max_pool2d", "avg_pool2d") and len(shape) > 2:
        kernels, strides, paddings, dilations = _geometry(name, args, len(fields))
        sliding = zip(fields, kernels, strides, paddings, dilations, strict=True)
        return tuple(field.slid(*numbers) for field, *numbers in sliding)
    if name == "constant_pad_nd":  # its numbers are those of the last dimension first
        first = [*args[1][::2], *([0] * len(fields))]
        return tuple(f.slid(1, 1, pad, 1) for f, pad in zip(fields, first[len(fields) - 1 :: -1], strict=True))
    if name == "slice" and len(args) > 1 and args[1] % len(shape) > 1:
        place, limits = args[1] % len(shape), [*args[2:], None, None, None][:3]
        places = range(*slice(*limits).indices(shape[place]))
        return tuple(f.cut(places) if i == place - 2 else f for i, f in enumerate(fields))
    maps = all(seen[2:] == output.shape[2:] and output.dim() == len(seen) for seen, _ in before)
    known = [each if maps else _whole(each, seen) for seen, each in before]
    return tuple(_covering(every) for every in zip(*known, strict=True))


def _whole(fields: Fields, shape: torch.Size) -> Fields:
    return tuple(f if f.step == 0 else f.whole(n) for f, n in zip(fields, shape[2:], strict=True))


def _geometry(name: str, args: Sequence[Any], dimensions: int) -> tuple[tuple[int, ...], ...]:
    """Kernel, stride, padding and dilation of an operation, each for every dimension."""
    if name == "convolution":
        _, weight, _, stride, padding, dilation, *_ = args
        kernel: Sequence[int] = weight.shape[2:]
    else:
        kernel = args[1]
        stride = args[2] if len(args) > 2 and len(args[2]) else kernel
        padding = args[3] if len(args) > 3 else (0,)
        dilation = args[4] if name.startswith("max") and len(args) > 4 else (1,)
    every = (kernel, stride, padding, dilation)
    return tuple(tuple(numbers) * (dimensions if len(numbers) == 1 else 1) for numbers in every)


def _covering(fields: Sequence[Field]) -> Field:
    """The smallest field that covers all of these, which branches of a network have."""
    steps = {field.step for field in fields}
    start = min(field.start for field in fields)
    end = max(field.start + field.size for field in fields)
    return Field(start, steps.pop() if len(steps) == 1 else 0, end - start)
