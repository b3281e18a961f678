"""A part of a set as a sequence of batches: tensors indexed and augmented, or files read ahead; then standardised."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.recipe import Data
from flori.data.augmentation import augment
from flori.data.blending import blend
from flori.data.draws import draw
from flori.data.examples import Part
from flori.data.picture_files import PictureFiles
from flori.data.preparation import PicturePreparation, TablePreparation
from flori.data.streaming import Reading, streamed


@dataclass(frozen=True)
class Batch:
    """Examples of one step: inputs float [B, …], targets [B].

    Where pictures were blended, `others` int64 [B] holds the class of each one's partner and `shares` float [B] how
    much of the picture is its own.
    """

    inputs: Tensor
    targets: Tensor
    others: Tensor | None = None
    shares: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def count(self) -> int:
        """The targets: what a loss is the mean over."""
        return len(self)

    def divided(self, count: int) -> list[Batch]:
        """The batch in at most `count` parts as equal as can be, of at least two examples each if it has two: one
        alone has no variance for batch norm."""
        count = max(1, min(count, len(self) // 2))
        columns = (self.inputs, self.targets, self.others, self.shares)
        pieces = [[None] * count if column is None else column.tensor_split(count) for column in columns]
        return [Batch(*piece) for piece in zip(*pieces, strict=True)]


@dataclass(frozen=True)
class Batches:
    """A part on its device, in batches of `size` examples; the last one of an epoch may be smaller."""

    part: Part
    size: int
    preparation: PicturePreparation | TablePreparation
    dtype: torch.dtype
    seed: int = 0
    options: Data | None = None

    @staticmethod
    def of(
        part: Part,
        size: int,
        preparation: PicturePreparation | TablePreparation,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Data | None = None,
    ) -> Batches:
        """The batches of a part, its tensors moved to the device. Without `options` nothing is augmented."""
        tabular = isinstance(preparation, TablePreparation)
        inputs = part.inputs
        if isinstance(inputs, Tensor):
            inputs = inputs.to(device, dtype) if tabular else inputs.to(device)
        targets = part.targets.to(device, dtype) if part.targets.is_floating_point() else part.targets.to(device)
        moved = Part(inputs, targets, part.names)
        return Batches(moved, size, preparation, dtype, seed, options)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch: every example is used, the last batch may be smaller."""
        return len(self._cuts(len(self.part)))

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in its random order, from the `start`-th on."""
        order = seeds.order(self.seed, number, len(self.part))
        indices = order.split(self._cuts(len(order)))[start:]
        with closing(self._inputs(indices, number)) as inputs:
            for place, (index, found) in enumerate(zip(indices, inputs, strict=True), start):
                yield self._batch(found, index, number, place)

    def _cuts(self, count: int) -> list[int]:
        """The sizes of an epoch's batches. A last example alone joins the batch before: it has no variance for batch
        norm."""
        whole, rest = divmod(count, self.size)
        sizes = [self.size] * whole
        if rest == 1 and whole and self.size > 1:
            sizes[-1] += 1
        elif rest:
            sizes.append(rest)
        return sizes

    def in_order(self) -> Iterator[Batch]:
        """All examples once, in their own order and as they are: to evaluate."""
        indices = torch.arange(len(self.part)).split(self.size)
        with closing(self._inputs(indices, None)) as inputs:
            for index, found in zip(indices, inputs, strict=True):
                yield Batch(self._ready(found), self._targets(index))

    def _inputs(self, indices: Sequence[Tensor], epoch: int | None) -> Generator[Tensor]:
        """The inputs of batches on their device, pictures changed as drawn for an epoch."""
        source, options = self.part.inputs, None if epoch is None else self.options
        if isinstance(source, PictureFiles):
            with closing(streamed(Reading(source, options, self.seed, epoch or 0), indices)) as batches:
                yield from (batch.to(self.part.targets.device) for batch in batches)
            return
        for index in indices:
            inputs = source.index_select(0, index.to(source.device))
            if options is not None and source.dim() == 4:
                inputs = augment(inputs, draw(options, index, self.seed, epoch or 0, *inputs.shape[2:]))
            yield inputs

    def _targets(self, index: Tensor) -> Tensor:
        return self.part.targets.index_select(0, index.to(self.part.targets.device))

    def _batch(self, inputs: Tensor, index: Tensor, epoch: int, place: int) -> Batch:
        """The examples `index`, with their inputs, as the `place`-th batch of an epoch."""
        ready, targets = self._ready(inputs), self._targets(index)
        if inputs.dim() != 4 or self.options is None:
            return Batch(ready, targets)
        return Batch(*blend(ready, targets, self.options, self.seed, epoch, place))

    def _ready(self, inputs: Tensor) -> Tensor:
        if isinstance(self.preparation, PicturePreparation):
            return self.preparation.apply(inputs, self.dtype)
        return inputs
