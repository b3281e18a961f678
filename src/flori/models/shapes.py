"""What each layer of a network puts out, learns and computes, for an input of a given shape."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def layers(model: nn.Module, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """The layers in the order in which they run, for one input of `shape`.

    Each has its name, kind, the shape of its output without the batch, the number of its parameters, and the
    multiply-adds of one example.
    """
    found: list[dict[str, Any]] = []
    handles = []
    for name, layer in model.named_modules():
        if not list(layer.children()):

            def note(layer: nn.Module, _: object, output: Tensor, name: str = name) -> None:
                found.append(
                    {
                        "layer": name,
                        "kind": type(layer).__name__,
                        "output": list(output.shape[1:]),
                        "parameters": sum(p.numel() for p in layer.parameters()),
                        "multiply_adds": _multiply_adds(layer, output),
                    }
                )

            handles.append(layer.register_forward_hook(note))
    kept = model.training
    with torch.inference_mode():
        model.eval()(torch.zeros(1, *shape))
    model.train(kept)
    for handle in handles:
        handle.remove()
    return found


def _multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """A product of weights and inputs for each number put out."""
    if isinstance(layer, nn.Conv2d):
        return output[0].numel() * layer.weight[0].numel()
    if isinstance(layer, nn.Linear):
        return output[0].numel() * layer.in_features
    return 0
