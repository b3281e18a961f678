"""What leads from inputs to tensors and back to answers, whatever the inputs are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from flori.core.errors import Fault
from flori.core.ranks import ALONE, Ranks
from flori.core.recipe import Source
from flori.data.shares import WHOLE, Share


class Part(Protocol):
    """Examples ready to learn from, or to be judged by."""

    def __len__(self) -> int: ...

    def content(self) -> bytes:
        """A hash of all examples, to notice that they changed."""


class Batch(Protocol):
    """The examples of one step."""

    def __len__(self) -> int: ...

    def count(self) -> int:
        """The targets: what a loss is the mean over."""

    def total(self) -> int:
        """The targets of the whole batch, over all ranks."""

    def divided(self, count: int) -> list[Any]:
        """The batch in at most `count` parts."""


class Batches(Protocol):
    """A part on its device as a sequence of batches, in an order that is a function of seed and epoch."""

    @property
    def per_epoch(self) -> int: ...

    def epoch(self, number: int, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch in its random order, from the `start`-th on."""

    def in_order(self, ranks: Ranks = ALONE) -> Iterator[Any]:
        """All examples once, in their own order and as they are: to evaluate. Of several ranks each has a share."""


class Codec(Protocol):
    """How inputs become tensors and outputs become answers: saved with the model, all that predicting needs."""

    @property
    def task(self) -> str: ...

    @property
    def labels(self) -> list[str]:
        """The class of each row of the network's heads; [] where rows are no classes."""

    @property
    def sizes(self) -> tuple[Any, ...]:
        """What the builder of the network takes first: outputs and shape of an input, or sizes of vocabularies."""

    @property
    def numbers(self) -> int:
        """How many numbers one example is of, about."""

    @property
    def described(self) -> str:
        """One example in a few words, such as its shape."""

    @property
    def example(self) -> str:
        """What an input to predict may be called."""

    def sample(self) -> tuple[Tensor, ...]:
        """One example as the network takes it, of zeros: to see what its layers do."""

    def state(self) -> dict[str, Any]: ...

    def read(self, options: Any, seed: int, divided: bool, needs_valid: bool = False) -> Mapping[str, Part]:
        """The parts of the set that `options` name, as a network of this codec takes them.

        Args:
            divided: hold out parts as for training; else a set without parts is one.
            needs_valid: training chose by a score.

        Raises UserError where the set does not fit.
        """

    def batches(
        self,
        part: Any,
        size: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Source | None = None,
        share: Share = WHOLE,
    ) -> Batches:
        """A part in batches of `size` examples, of which a rank has its share; `options` say what is changed at random,
        None changes nothing."""


@dataclass(frozen=True)
class Prepared:
    """All parts of a set, ready, with the codec; and what was left out of it."""

    parts: Mapping[str, Any]
    codec: Any
    skipped: list[Fault]
    notes: list[str]

    @property
    def judged(self) -> str:
        """The part that scores are watched on: ``valid`` where there is one, else ``test``."""
        return "valid" if "valid" in self.parts else "test"


def fingerprint(parts: Mapping[str, Part]) -> str:
    """A hash of all examples as prepared, or of their files."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts.values():
        digest.update(part.content())
    return digest.hexdigest()
