"""The sections of a report that look into a convolutional network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.core.device import parameter_type
from flori.data.examples import Part
from flori.data.picture_files import in_memory
from flori.data.preparation import PicturePreparation
from flori.evaluation import inside, mosaics

MOST_FILTERS = 64
READABLE = 5  # pixels: smaller filters look like chequers, learnt or not


def looking_inside(folder: Path, predictor: Predictor, part: Part) -> list[Section]:
    """The first layer's filters, and the feature maps of two examples; nothing for a network without convolutions."""
    first = inside.first_convolution(predictor.model)
    preparation = getattr(predictor.codec, "preparation", None)
    if first is None or not isinstance(preparation, PicturePreparation):
        return []
    chosen = _of_two_classes(part.targets)
    pictures = in_memory(part.inputs[torch.tensor(chosen)])
    ready = preparation.apply(pictures.to(predictor.device), parameter_type(predictor.precision))
    layers = inside.feature_maps(predictor.model, ready)
    if not layers:  # every output is a single pixel
        return [_filters(folder, *first)]
    titles = [predictor.codec.labels[int(part.targets[i])] for i in chosen]
    text = (
        "One or two examples, and what the first convolution and the last layer at each resolution make of them: the "
        "channels that vary most, each from its least value (black) to its greatest (white). Early maps follow edges "
        "and surfaces; late ones say only roughly where something is, but say what."
    )
    picture = save(folder, "features.png", mosaics.features(pictures, titles, layers))
    return [_filters(folder, *first), Section("What the layers see", text=text, picture=picture)]


def _filters(folder: Path, name: str, layer: nn.Conv2d) -> Section:
    pictures = inside.filters(layer, MOST_FILTERS)
    count, channels, height, width = layer.weight.shape
    said = "in colour" if channels == 3 else "channel by channel" if channels > 1 else "in grey"
    every = count if channels == 3 else count * channels
    text = (
        f"The {count} filters of {name}, {height}×{width} pixels, {said}"
        f"{f', the first {len(pictures)} of these' if len(pictures) < every else ''}. Middle grey is zero, "
        "lighter is positive and darker negative, by the largest weight of each."
    )
    if min(height, width) >= READABLE:
        text += " Edges, spots and colours have been learnt; what still looks like noise has not, or too fast."
    picture = save(folder, "filters.png", mosaics.grid(pictures))
    return Section("What the first layer looks for", text=text, picture=picture)


def _of_two_classes(targets: Tensor) -> list[int]:
    """The first example, and the first of another class if there is one."""
    others = (targets != targets[0]).nonzero().flatten().tolist()
    return [0, *others[:1]]
