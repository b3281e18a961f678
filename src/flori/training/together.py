"""How several ranks learn one network: what a step asks of them beside what it does alone.

Each rank takes the gradients of its share of a batch. They are added up by torch's DistributedDataParallel, or by
fully_shard, where each rank keeps a share of the weights too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from flori.core.ranks import ALONE, Ranks
from flori.layers.norm_over_all import NormOverAll
from flori.training.clipping import gradient_norm
from flori.training.sharding import local


class Together:
    """One process alone: nothing beside the step. `network` is what losses are taken of; None: of the model itself."""

    ranks = ALONE
    network: nn.Module | None = None

    def part(self, part: Any, last: bool) -> AbstractContextManager[object]:
        """Within it forward and backward pass of a part of a batch run, the `last` one or not."""
        return nullcontext()

    def to_learn(self, loss: Tensor) -> Tensor:
        """What the gradients are to be taken of, for a share of the mean loss over the whole batch."""
        return loss

    def total(self, loss: Tensor) -> Tensor:
        """The loss over all ranks, of each one's share of it."""
        return loss

    def norm(self, model: nn.Module) -> Tensor | None:
        """That of the gradients of all parameters together, whichever rank holds them; None where there is none."""
        return gradient_norm(model.parameters())

    def settle(self) -> None:
        """After a step: what is not learnt by gradients is made the same on all ranks."""


BY_ITSELF = Together()


class Sharing(Together):
    """Ranks that learn from a share of each batch; how gradients come together is for `gradients` to say."""

    def __init__(self, model: nn.Module, ranks: Ranks) -> None:
        self.ranks = ranks
        norms = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
        self._norms = [layer for layer in norms if isinstance(layer, NormOverAll)]
        self._each = [layer for layer in norms if not isinstance(layer, NormOverAll)]

    def gradients(self, last: bool) -> AbstractContextManager[object]:
        """Within it a part of a batch is worked through; after the last one ranks put their gradients together."""
        raise NotImplementedError

    @contextmanager
    def part(self, part: Any, last: bool) -> Iterator[None]:
        """Rows that do not count leave no trace in batch norms."""
        with self.gradients(last), nullcontext() if part.counts else self._unseen():
            yield

    def to_learn(self, loss: Tensor) -> Tensor:
        """As many times as there are ranks: torch takes the mean over them, and what is wanted is the sum."""
        return loss * self.ranks.size

    def total(self, loss: Tensor) -> Tensor:
        """Their sum."""
        return self.ranks.total(loss)

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        kept = [layer.momentum for layer in self._each]
        for layer in self._norms:
            layer.counts = False
        for one in self._each:
            one.momentum = 0.0
        yield
        for layer in self._norms:
            layer.counts = True
        for one, momentum in zip(self._each, kept, strict=True):
            one.momentum = momentum

    @torch.no_grad()
    def settle(self) -> None:
        """Each rank's batch norms remember its own shares: all go on from the mean over ranks."""
        tensors = [t for layer in self._each if layer.training for t in (layer.running_mean, layer.running_var)]
        kept = [local(t) for t in tensors if t is not None]
        if not kept:
            return
        flat = self.ranks.total(torch.cat(kept)) / self.ranks.size
        for t, mean in zip(kept, flat.split([t.numel() for t in kept]), strict=True):
            t.copy_(mean)


class Replicated(DistributedDataParallel):
    """torch's, with the attributes of the network that it holds."""

    def __getattr__(self, name: str) -> Any:
        """Its own, else the network's."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("module"), name)


class DataParallel(Sharing):
    """Every rank holds the network."""

    network: Replicated

    def __init__(self, model: nn.Module, ranks: Ranks, mesh: Any) -> None:
        super().__init__(model, ranks)
        self.network = Replicated(model, process_group=mesh.get_group("data"))
        self.network.broadcast_buffers = False  # in each forward pass; `settle` does what is needed

    def gradients(self, last: bool) -> AbstractContextManager[object]:
        """All-reduced, some while others are still being computed."""
        return nullcontext() if last else self.network.no_sync()


class Sharded(Sharing):
    """Every rank holds a share of the network, as `flori.training.sharding` or `splitting` has made it."""

    network: Any

    def __init__(self, model: nn.Module, ranks: Ranks) -> None:
        super().__init__(model, ranks)
        self.network = model

    def gradients(self, last: bool) -> AbstractContextManager[object]:
        """Reduced and scattered: each rank gets those of its own share."""
        if not self.ranks.alone:
            self.network.set_requires_gradient_sync(last)
        return nullcontext()
