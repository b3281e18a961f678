"""Words taken for unknown at random while a network learns, so that it learns what to make of unknown ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.core import seeds
from flori.core.texts import Labelled
from flori.data.sequences import Ragged, TokenBatch


@dataclass(frozen=True)
class RareWords:
    """A word that occurs n times in `texts` is taken for unknown with the chance α/(α + n) (Iyyer et al. 2015;
    Kiperwasser and Goldberg 2016), each place by itself. A draw depends on (seed, epoch, example, place) alone."""

    texts: Ragged
    alpha: float
    unknown: int
    seed: int

    def hidden(self, batch: TokenBatch, index: NDArray[np.int64], epoch: int) -> TokenBatch:
        """The batch of the examples `index` with such words unknown."""
        drawn = seeds.uniforms(self.seed, "rare words", epoch, torch.from_numpy(index), self._longest)
        chances = self._chances[batch.inputs]
        hidden = drawn[:, : batch.inputs.shape[1]] < chances
        return replace(batch, inputs=batch.inputs.masked_fill(hidden, self.unknown))

    @cached_property
    def _longest(self) -> int:
        return int(self.texts.lengths.max(initial=1))

    @cached_property
    def _chances(self) -> Tensor:
        """By number of the word; what occurs nowhere, as padding does, stays."""
        counts = torch.from_numpy(np.bincount(self.texts.values)).double()
        return torch.where(counts > 0, self.alpha / (self.alpha + counts), 0)


def rare_words(texts: Ragged, options: Labelled | None, unknown: int, seed: int) -> RareWords | None:
    """The words of the training part to hide, None where none shall be."""
    return RareWords(texts, options.unknown, unknown, seed) if options and options.unknown else None
