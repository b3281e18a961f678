"""What reading yields: examples in parts, with their names, so that every answer can be traced to its source.

Shapes: N examples, C channels, H height, W width, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.errors import Fault, UserError
from flori.data.picture_files import PictureFiles, content
from flori.data.shelves import names_at

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pictures:
    """Pictures of one part as read: uint8 [N, C, H, W], in memory or in files, the class of each (int64 [N]), and
    their names."""

    images: Tensor | PictureFiles
    targets: Tensor
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, index: Tensor) -> Pictures:
        return Pictures(self.images[index], self.targets[index], names_at(self.names, index))


@dataclass(frozen=True)
class PictureSet:
    """A set of pictures by class; `target` is the column that says the class, where they come from a table."""

    parts: dict[str, Pictures]
    labels: list[str]
    skipped: list[Fault] = field(default_factory=list)
    target: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows of a table as read: numbers and texts by column, with the file and line of each."""

    frame: pd.DataFrame
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: Tensor) -> Rows:
        return Rows(self.frame.iloc[index.numpy()], [self.names[i] for i in index.tolist()])


@dataclass(frozen=True)
class TableSet:
    """A table with the column to predict; `identifier` is the column that was said to name the rows, if one was."""

    parts: dict[str, Rows]
    target: str
    skipped: list[Fault] = field(default_factory=list)
    identifier: str = ""


@dataclass(frozen=True)
class Part:
    """Examples ready to learn from: inputs uint8 [N, C, H, W], in memory or in files, or float [N, D]; targets int64
    or float [N]."""

    inputs: Tensor | PictureFiles
    targets: Tensor
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.targets)

    def content(self) -> bytes:
        """A hash of all examples, or of their files."""
        return content(self.inputs) + content(self.targets)


def split(count: int, share: float, seed: int, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Indices (kept, held out) of `count` examples, both in ascending order.

    With `classes` (int64 [count]) each class gives its share, by largest remainder, and keeps at least one.
    Raises UserError where nothing can be held out.
    """
    if classes is None:
        classes = torch.zeros(count, dtype=torch.int64)
    sizes = torch.bincount(classes)
    quota = sizes.double() * share
    held_of = torch.minimum(quota.floor().long(), (sizes - 1).clamp(min=0))
    wanted = max(1, round(share * count))
    for c in torch.argsort(quota - held_of, descending=True, stable=True).tolist():
        if held_of.sum() < wanted and held_of[c] < sizes[c] - 1:
            held_of[c] += 1
    if held_of.sum() == 0:
        why = "each is the only one of its class" if count > 1 else "2 are the least"
        raise UserError(f"{count:,} examples are too few to hold some out for a score: {why}")
    shuffled = torch.randperm(count, generator=seeds.generator(seed, "split"))
    held = torch.zeros(count, dtype=torch.bool)
    for c, number in enumerate(held_of.tolist()):
        held[shuffled[classes[shuffled] == c][:number]] = True
    return torch.nonzero(~held).flatten(), torch.nonzero(held).flatten()
