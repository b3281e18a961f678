"""Layers in pairs, that several workers can divide: each has some of the channels or units between the two
(`flori.training.splitting`)."""

from __future__ import annotations

from torch import nn

BETWEEN: tuple[tuple[type[nn.Module], str], ...] = ((nn.BatchNorm2d, "norm"), (nn.Dropout, "dropout"))


def pairs(name: str, sequence: nn.Sequential) -> dict[str, str]:
    """The convolutions and the dense layers of a sequence called `name`, two and two as they follow each other, and
    what stands between the two and has to know of it: how each is divided, by name."""
    found: dict[str, str] = {}
    for kind in (nn.Conv2d, nn.Linear):
        places = [place for place, layer in enumerate(sequence) if isinstance(layer, kind)]
        for first, second in zip(places[::2], places[1::2], strict=False):
            found[f"{name}.{first}"] = "columns"
            for place in range(first + 1, second):
                found |= {f"{name}.{place}": how for what, how in BETWEEN if isinstance(sequence[place], what)}
            found[f"{name}.{second}"] = "rows"
    return found
