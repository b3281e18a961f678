"""A part of a set as a sequence of batches: tensors indexed and augmented, or files read ahead; then standardised."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.ranks import ALONE, Ranks
from flori.core.recipe import Data
from flori.data.augmentation import augment
from flori.data.blending import Company, blend
from flori.data.draws import draw
from flori.data.examples import Part
from flori.data.picture_files import PictureFiles
from flori.data.preparation import PicturePreparation, TablePreparation
from flori.data.shares import WHOLE, Share, Shared
from flori.data.streaming import Reading, streamed

LEAST = 2  # examples of a part at least: one alone has no variance for batch norm


@dataclass(frozen=True)
class Batch:
    """Examples of one step: inputs float [B, …], targets [B].

    Where pictures were blended, `others` int64 [B] holds the class of each one's partner and `shares` float [B] how
    much of the picture is its own. `shared` says what a rank's share of a batch is of; in its parts, whether the
    examples `counts`.
    """

    inputs: Tensor
    targets: Tensor
    others: Tensor | None = None
    shares: Tensor | None = None
    shared: Shared | None = None
    counts: bool = True

    def __len__(self) -> int:
        return len(self.targets)

    def count(self) -> int:
        """The targets: what a loss is the mean over."""
        return len(self) if self.counts else 0

    def total(self) -> int:
        """The targets of the whole batch, over all ranks."""
        return self.count() if self.shared is None else self.shared.targets

    def divided(self, count: int) -> list[Batch]:
        """The batch in at most `count` parts as equal as can be, of at least two examples each if it has two: one
        alone has no variance for batch norm. A share of a batch has its parts already."""
        columns = (self.inputs, self.targets, self.others, self.shares)
        if self.shared is not None:
            sizes, counts = zip(*self.shared.pieces, strict=True)
            split = [[None] * len(sizes) if column is None else column.split(sizes) for column in columns]
            pieces = zip(*split, strict=True)
            return [replace(Batch(*piece), counts=one) for piece, one in zip(pieces, counts, strict=True)]
        count = max(1, min(count, len(self) // 2))
        parts = [[None] * count if column is None else column.tensor_split(count) for column in columns]
        return [Batch(*part) for part in zip(*parts, strict=True)]


class Drawn:
    """The examples of a batch, int64 [N]: those that are `read` here, a rank's share of them where it has one, and
    behind it the partners that it is blended with."""

    def __init__(self, index: Tensor, share: Share, blends: bool) -> None:
        self.read, self.shared, self.company = index, None, None
        if share.whole:
            return
        rows, self.shared = share.of(len(index), LEAST)
        if blends:
            self.company = Company.of(rows, len(index))
            rows = self.company.read
        self.read = index[rows]


@dataclass(frozen=True)
class Batches:
    """A part on its device, in batches of `size` examples; the last one of an epoch may be smaller."""

    part: Part
    size: int
    preparation: PicturePreparation | TablePreparation
    dtype: torch.dtype
    seed: int = 0
    options: Data | None = None
    share: Share = WHOLE

    @staticmethod
    def of(
        part: Part,
        size: int,
        preparation: PicturePreparation | TablePreparation,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Data | None = None,
        share: Share = WHOLE,
    ) -> Batches:
        """The batches of a part, its tensors moved to the device; a rank's share of each. Without `options` nothing is
        augmented."""
        tabular = isinstance(preparation, TablePreparation)
        inputs = part.inputs
        if isinstance(inputs, Tensor):
            inputs = inputs.to(device, dtype) if tabular else inputs.to(device)
        targets = part.targets.to(device, dtype) if part.targets.is_floating_point() else part.targets.to(device)
        moved = Part(inputs, targets, part.names)
        return Batches(moved, size, preparation, dtype, seed, options, share)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch: every example is used, the last batch may be smaller."""
        return len(self._cuts(len(self.part)))

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in its random order, from the `start`-th on."""
        cuts = self._cuts(len(self.part))
        order = self._order(cuts, number)
        whole = [Drawn(index, self.share, self._blends) for index in order.split(cuts)[start:]]
        with closing(self._inputs([drawn.read for drawn in whole], number)) as inputs:
            for place, (drawn, found) in enumerate(zip(whole, inputs, strict=True), start):
                yield self._batch(found, drawn, number, place)

    def _order(self, cuts: list[int], epoch: int) -> Tensor:
        """The random order of an epoch, int64 [N]: at once over all that is in memory or in files of its own."""
        inputs = self.part.inputs
        if isinstance(inputs, PictureFiles):
            return inputs.order(cuts, self.seed, epoch)
        return seeds.order(self.seed, epoch, len(self.part))

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

    def in_order(self, ranks: Ranks = ALONE) -> Iterator[Batch]:
        """All examples once, in their own order and as they are: to evaluate. Of several ranks each has every n-th
        batch."""
        indices = torch.arange(len(self.part)).split(self.size)[ranks.rank :: ranks.size]
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

    @property
    def _blends(self) -> bool:
        options = self.options
        return options is not None and bool(options.mixup or options.cutmix) and self._classifies_pictures

    @property
    def _classifies_pictures(self) -> bool:
        inputs = self.part.inputs
        return not self.part.targets.is_floating_point() and (not isinstance(inputs, Tensor) or inputs.dim() == 4)

    def _batch(self, inputs: Tensor, drawn: Drawn, epoch: int, place: int) -> Batch:
        """The examples drawn, with their inputs, as the `place`-th batch of an epoch."""
        ready, targets = self._ready(inputs), self._targets(drawn.read)
        if self.options is None or not self._blends:
            return Batch(ready, targets, shared=drawn.shared)
        blended = blend(ready, targets, self.options, self.seed, epoch, place, drawn.company)
        return Batch(*blended, shared=drawn.shared)

    def _ready(self, inputs: Tensor) -> Tensor:
        if isinstance(self.preparation, PicturePreparation):
            return self.preparation.apply(inputs, self.dtype)
        return inputs
