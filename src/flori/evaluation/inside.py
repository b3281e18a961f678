"""What a convolutional network looks for first, and what its layers make of a picture.

After Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014, who looked at filters and
feature maps to find what was wrong with AlexNet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MOST_LAYERS, MOST_MAPS = 5, 8


@dataclass(frozen=True)
class Maps:
    """What a layer puts out: its name, the shape (C, H, W), and the chosen channels, float32 [N, M, H, W]."""

    layer: str
    shape: tuple[int, ...]
    channels: Tensor


def first_convolution(model: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """The first 2-d convolution and its name, or None for a network without."""
    return next(((name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)), None)


def filters(layer: nn.Conv2d, most: int) -> Tensor:
    """At most `most` filters as pictures uint8 [N, 1 or 3, h, w]: filters of three channels in their colours, others
    channel by channel. Each is divided by its largest weight, so that middle grey is zero."""
    weight = layer.weight.detach().float().cpu()
    pictures = weight if weight.shape[1] == 3 else weight.flatten(0, 1)[:, None]
    pictures = pictures[:most]
    largest = pictures.abs().amax((1, 2, 3), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return ((pictures / largest + 1) * 127.5).round().byte()


def feature_maps(model: nn.Module, inputs: Tensor) -> list[Maps]:
    """The outputs for inputs [N, C, H, W] of the first convolution, and of the last and outermost block at each
    resolution, of at most five in all; of each the eight channels that vary most over the pictures."""
    chosen = list(dict(_outputs(model, inputs)).items())  # the first convolution may be the last at its resolution
    while len(chosen) > MOST_LAYERS:
        del chosen[1]  # the first convolution stays, and what is nearest to the answer
    return [Maps(name, tuple(output.shape[1:]), _varied(output)) for name, output in chosen]


def _outputs(model: nn.Module, inputs: Tensor) -> list[tuple[str, Tensor]]:
    """Name and output [N, C, H, W] of the first convolution, then of the last, outermost block at each resolution."""
    first = first_convolution(model)
    begun: list[tuple[str, Tensor]] = []
    last: dict[torch.Size, tuple[str, Tensor]] = {}
    handles = []
    for name, layer in model.named_modules():

        def note(layer: nn.Module, _: object, output: object, name: str = name) -> None:
            if name and isinstance(output, Tensor) and output.dim() == 4 and min(output.shape[2:]) > 1:
                kept = (name, output.detach().float().cpu().clone())  # a later layer may work in place
                inside_of = last.get(output.shape[2:], kept)[0].count(".")
                if name.count(".") <= inside_of:  # a whole stage says more than a layer within the next one
                    last[output.shape[2:]] = kept
                if first is not None and layer is first[1]:
                    begun[:] = [kept]

        handles.append(layer.register_forward_hook(note))
    try:
        with torch.inference_mode():
            model.eval()(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return [*begun, *last.values()]


def _varied(outputs: Tensor) -> Tensor:
    spread = outputs.var((2, 3)).mean(0)
    return outputs[:, spread.topk(min(MOST_MAPS, len(spread))).indices.sort().values]
