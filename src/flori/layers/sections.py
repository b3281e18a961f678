"""A network as sections, one after the other: between them it can be cut into the stages of a pipeline
(Huang et al., "GPipe", 2019)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn


@dataclass(frozen=True)
class Section:
    """A part of the way through a network: the layers whose weights it `holds`, by name, and how it is `run`, from what
    the section before puts out to what the next one takes."""

    holds: tuple[str, ...]
    run: Callable[[Tensor], Tensor]


def sections(name: str, sequence: nn.Sequential) -> list[Section]:
    """Those of a sequence called `name`: each begins with a convolution or dense layer, as what follows one may work in
    place."""
    layers = [*sequence]
    starts = {place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d | nn.Linear)}
    return [
        Section(tuple(f"{name}.{place}" for place in range(begin, end)), nn.Sequential(*layers[begin:end]))
        for begin, end in pairwise(sorted({0, len(layers)} | starts))
    ]
