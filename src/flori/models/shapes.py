"""What each layer of a network puts out, learns and computes, for an input of a given shape."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from flori.layers.locally_connected import LocallyConnected2d
from flori.layers.tiled import TiledConvolution2d


def layers(model: nn.Module, *inputs: Tensor) -> list[dict[str, Any]]:
    """The layers in the order in which they run, for one example.

    Each has its name, kind, the shape of its output without the batch, the number of its parameters, and the
    multiply-adds of one example. A layer that runs several times is there several times, its parameters only once.
    """
    found: list[dict[str, Any]] = []
    handles = []
    for name, layer in model.named_modules():
        if not list(layer.children()):

            def note(layer: nn.Module, _: object, output: Any, name: str = name) -> None:
                if not isinstance(output, Tensor):
                    return
                again = any(other["layer"] == name for other in found)
                found.append(
                    {
                        "layer": name,
                        "kind": type(layer).__name__,
                        "output": list(output.shape[1:]),
                        "parameters": 0 if again else sum(p.numel() for p in layer.parameters()),
                        "multiply_adds": _multiply_adds(layer, output),
                    }
                )

            handles.append(layer.register_forward_hook(note))
    kept = model.training
    with torch.inference_mode():
        model.eval()(*inputs)
    model.train(kept)
    for handle in handles:
        handle.remove()
    return found + _recurrent(model, {layer["layer"] for layer in found}, inputs[0].shape[1])


def _recurrent(model: nn.Module, seen: set[str], steps: int) -> list[dict[str, Any]]:
    """Recurrent layers, which are run through time by a function and not called: every weight counts at every step."""
    return [
        {
            "layer": name,
            "kind": f"{type(layer).__name__} ×{layer.num_layers}",
            "output": [steps, layer.hidden_size * (1 + layer.bidirectional)],
            "parameters": sum(p.numel() for p in layer.parameters()),
            "multiply_adds": steps * sum(p.numel() for p in layer.parameters() if p.dim() == 2),
        }
        for name, layer in model.named_modules()
        if isinstance(layer, nn.RNNBase) and name not in seen
    ]


def _multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """A product of weights and inputs for each number put out."""
    numbers = output[0].numel()
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return numbers * layer.weight[0].numel()
    if isinstance(layer, LocallyConnected2d | TiledConvolution2d):
        return numbers * layer.weight[0, 0, 0].numel()
    if isinstance(layer, nn.Linear):
        return numbers * layer.in_features
    return 0
