"""Where a number first stopped being one: a step gone through again with every tensor watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flori.core.device import computing
from flori.objectives.objective import Objective
from flori.training.state import State
from flori.training.updates import losses


@dataclass(frozen=True)
class Origin:
    """The first tensor that was not finite. `kind` is weight, input, activation, loss, gradient (of an activation or
    of a weight) or update; `name` the layer or parameter; `value` nan or inf."""

    kind: str
    name: str
    value: str

    def __str__(self) -> str:
        return {
            "weight": f"the weights {self.name} were {self.value} before the step",
            "input": f"what goes into {self.name} was the first to be {self.value}, on the way forward",
            "activation": f"the output of {self.name} was the first to be {self.value}, on the way forward",
            "loss": f"all outputs were finite, and the loss of them was {self.value}",
            "gradient": f"the gradient of {self.name} was the first to be {self.value}, on the way back",
            "update": f"gradients were finite, and the update made the weights {self.name} {self.value}",
        }[self.kind]


def trace(
    state: State, objective: Objective[Any], parts: list[Any], device: torch.device, precision: str
) -> Origin | None:
    """Go through the parts of a batch forward and backward from the weights as they are; the first tensor that is not
    finite, or None. The state's memory moves on, its weights do not."""
    found: list[Origin] = []

    def notice(kind: str, name: str, t: Tensor) -> None:
        if not found and (value := not_finite(t)):
            found.append(Origin(kind, name, value))

    for name, p in state.model.named_parameters():
        notice("weight", name, p)
    learning = {name: p for name, p in state.model.named_parameters() if p.requires_grad}
    for number, part in enumerate(parts):
        with _noticing(state.model, notice), computing(device, precision):
            loss = losses(objective, state, part, number)["loss"]
            notice("loss", "", loss)
            gradients = torch.autograd.grad(loss, [*learning.values()], allow_unused=True)
        for name, gradient in zip(learning, gradients, strict=True):
            if gradient is not None:
                notice("gradient", name, gradient)
    return found[0] if found else None


def not_finite(t: Tensor) -> str:
    """What a tensor holds that is no finite number: "nan", "inf" or "" for nothing."""
    if not t.is_floating_point() or bool(t.detach().isfinite().all()):
        return ""
    return "nan" if bool(t.detach().isnan().any()) else "inf"


@contextmanager
def _noticing(model: nn.Module, notice: Callable[[str, str, Tensor], None]) -> Iterator[None]:
    """Every layer without layers of its own, and the network as a whole, with what goes in, out and back."""
    handles = []
    for name, module in model.named_modules():
        if list(module.children()) and name:
            continue

        def into(module: nn.Module, inputs: Any, name: str = name) -> None:
            for t in inputs:
                if isinstance(t, Tensor):
                    notice("input", name or "the network", t)

        def out(module: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            for t in output if isinstance(output, tuple) else (output,):
                if isinstance(t, Tensor):
                    notice("activation", name or "the network", t)
                    if t.requires_grad:
                        t.register_hook(lambda g: notice("gradient", f"the output of {name or 'the network'}", g))

        handles += [module.register_forward_pre_hook(into), module.register_forward_hook(out)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
