"""Gradients in forward and in reverse mode, and what each takes in time and memory.

Forward mode (jvp) carries along with every number how it changes in one direction of the inputs: J·v. Reverse mode
(vjp) goes back from one combination of the outputs: uᵀ·J. The whole of J takes forward mode a pass for every input,
reverse mode one for every output; and reverse mode holds what all layers were given until it has come back to them,
where forward mode needs that of one operation at a time (Baydin, Pearlmutter, Radul and Siskind, "Automatic
differentiation in machine learning: a survey", 2018).

Here the inputs are the weights of a network, θ [n], and the outputs the numbers that it puts out for a batch, y [m].
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.autograd.forward_ad as forward_ad
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from flori.models.calls import tensors_of
from flori.training.ledger import Ledger

COUNTS, LONG = (1, 2, 4, 8, 16), 0.5  # inputs or outputs; seconds from which on one try must do
Tensors = tuple[Tensor, ...]


class Differentiable:
    """A network in float64 as a function of its weights, for given inputs. What is random in training, or goes by the
    batch, is as in evaluation."""

    def __init__(self, model: nn.Module, inputs: Tensors) -> None:
        self.model = model.double().train()
        for layer in model.modules():
            if not list(layer.children()):  # dropout, batch norm, recurrent layers; the others behave as in training
                layer.eval()
        self.inputs = tuple(t.detach().double() if t.is_floating_point() else t for t in inputs)
        self.names, weights = zip(*((n, p) for n, p in model.named_parameters() if p.requires_grad), strict=True)
        self.weights: Tensors = tuple(p.detach().clone() for p in weights)

    def __call__(self, weights: Tensors) -> Tensor:
        """y [m] for weights of the shapes of `self.weights`."""
        named = dict(zip(self.names, weights, strict=True))
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernel of attention knows reverse mode only
            return tensors_of(torch.func.functional_call(self.model, named, self.inputs))[0].flatten()

    def forward(self, direction: Tensors) -> Tensor:
        """J·v [m] for a direction v of the weights, by one pass."""
        with _without_torchs_own_warning(), forward_ad.dual_level():
            duals = tuple(forward_ad.make_dual(w, v) for w, v in zip(self.weights, direction, strict=True))
            found = forward_ad.unpack_dual(self(duals))
            return torch.zeros_like(found.primal) if found.tangent is None else found.tangent

    def reverse(self, shares: Tensor) -> Tensors:
        """uᵀ·J for a combination u [m] of the outputs, in the shapes of the weights: one pass and one way back."""
        return next(self.reverses([shares]))

    def reverses(self, many: list[Tensor]) -> Iterator[Tensors]:
        """uᵀ·J for each of these, by one pass and as many ways back."""
        weights = tuple(w.clone().requires_grad_() for w in self.weights)
        outputs = self(weights)
        for number, shares in enumerate(many, 1):
            gradients = torch.autograd.grad(
                outputs, weights, shares, retain_graph=number < len(many), materialize_grads=True
            )
            yield gradients

    def one_weight(self, place: int) -> Tensors:
        """The direction of one of all n weights."""
        direction = tuple(torch.zeros_like(w) for w in self.weights)
        for w in direction:
            if place < w.numel():
                w.view(-1)[place] = 1
                return direction
            place -= w.numel()
        raise ValueError(f"there are {place} weights too few")


@dataclass
class Costs:
    """Seconds for k of the inputs, or of the outputs, in both modes, for each k of `counts`; and the bytes that lived
    after each operation of one pass (and the way back)."""

    counts: list[int]
    by_inputs: dict[str, list[float]]
    by_outputs: dict[str, list[float]]
    memory: dict[str, NDArray[np.float64]]
    turning: float

    def peak(self, mode: str) -> int:
        """The most bytes at once."""
        return int(self.memory[mode].max(initial=0))

    def held(self, mode: str) -> list[int]:
        """Bytes at a quarter, a half, three quarters and the end of the way through the network."""
        line = self.memory[mode]
        end = (len(line) if mode == "forward" else max(1, round(len(line) * self.turning))) - 1
        return [int(line[round(end * share)]) for share in (0.25, 0.5, 0.75, 1.0)]


def costs(function: Differentiable, told: Callable[[str], None] = lambda what: None) -> Costs:
    """Measure both modes: the derivative of one output with respect to k inputs, of k outputs with respect to one
    input, and the memory of one pass."""
    outputs, inputs = len(function(function.weights)), sum(w.numel() for w in function.weights)
    rows = [torch.nn.functional.one_hot(torch.tensor(i), outputs).double() for i in range(min(outputs, COUNTS[-1]))]
    direction = function.one_weight(0)
    counts = [k for k in COUNTS if k <= len(rows) and k <= inputs]
    found = Costs(counts, {"forward": [], "reverse": []}, {"forward": [], "reverse": []}, {}, 0.0)
    function.forward(direction)
    function.reverse(rows[0])
    for k in counts:
        told(f"{k} of the inputs, {k} of the outputs")
        found.by_inputs["forward"].append(_seconds(partial(_columns, function, k)))
        found.by_inputs["reverse"].append(_seconds(partial(function.reverse, rows[0])))
        found.by_outputs["forward"].append(_seconds(partial(function.forward, direction)))
        found.by_outputs["reverse"].append(_seconds(partial(_rows, function, rows[:k])))
    with _noted() as ledger:
        function.forward(direction)
    found.memory["forward"] = ledger.timeline().sum(0)
    with _noted() as ledger:
        weights = tuple(w.requires_grad_() for w in function.weights)
        y = function(weights)
        turn = ledger.moment
        torch.autograd.grad(y, weights, rows[0], allow_unused=True)
    found.memory["reverse"] = ledger.timeline().sum(0)
    for w in function.weights:
        w.requires_grad_(False)
    found.turning = turn / max(1, ledger.moment)
    return found


@contextmanager
def _without_torchs_own_warning() -> Iterator[None]:
    """torch reads its rules for forward mode by a function of its own that it calls deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script", FutureWarning)
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        yield


def _columns(function: Differentiable, count: int) -> None:
    """The first columns of J, one after the other."""
    for place in range(count):
        function.forward(function.one_weight(place))


def _rows(function: Differentiable, rows: list[Tensor]) -> None:
    """The first rows of J; none is kept, for each is as large as all weights."""
    for _ in function.reverses(rows):
        pass


def _seconds(work: Callable[[], object]) -> float:
    """The shorter of two tries, or the first if it is long."""
    start = time.perf_counter()
    work()
    first = time.perf_counter() - start
    if first > LONG:
        return first
    start = time.perf_counter()
    work()
    return min(first, time.perf_counter() - start)


@contextmanager
def _noted() -> Iterator[Ledger]:
    ledger = Ledger()
    with ledger.kept():
        yield ledger
