"""lstm beside torch's LSTM in an ordinary loop, and in the same loop with bfloat16 by autocast."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.benches import texts
from flori.benches.timing import Contestant, Race
from flori.benches.training import assembled, data_of, endless, ordinary
from flori.core.device import computing
from flori.data.sequences import IGNORED
from flori.recipes.assembly import Assembly

SECONDS = 5.0  # a round, for each: a step takes up to a second
State = tuple[Tensor, ...] | None


class Ordinary(nn.Module):
    """A language model as one writes it by hand. Its parameters have the names of flori's."""

    def __init__(self, vocabulary: int, options: Any) -> None:
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(vocabulary, options.width), nn.Dropout(options.dropout)
        between = options.dropout if options.layers > 1 else 0.0
        self.rnn = nn.LSTM(options.width, options.hidden, options.layers, batch_first=True, dropout=between)
        self.output = nn.Linear(options.hidden, vocabulary)

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens int64 [B, T] → logits [B, T, V], and the state after them."""
        h, state = self.rnn(self.dropout(self.embedding(tokens)), state)
        return self.output(self.dropout(h)), state


def losses(model: Ordinary, run: Assembly, precision: str = "float32") -> Iterator[tuple[Tensor, int]]:
    """The loss of each batch of the run with the number of its targets, for ever; the state goes on, detached."""
    state: State = None
    dtype = model.embedding.weight.dtype
    for epoch in count():
        for batch in run.batches.epoch(epoch):
            # Autocast gives a state in bfloat16, and takes it in the type of the embedding alone.
            state = None if batch.fresh or state is None else tuple(t.detach().to(dtype) for t in state)
            with computing(torch.device("cpu"), precision):
                logits, state = model(batch.inputs, state)
                loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
            yield loss, batch.count()


def by_torch(run: Assembly, precision: str) -> Contestant:
    """The ordinary loop on the run's batches."""
    (vocabulary,) = run.codec.sizes
    model = Ordinary(vocabulary, run.recipe.model)
    return ordinary(model, run.recipe.training, losses(model, run, precision))


def races() -> list[Race]:
    """One, on the same batches of text by character."""
    run = assembled("lstm", "time-machine", texts.corpus)
    recipe = run.recipe
    about = (
        f"training {recipe.model.layers} layers of {recipe.model.hidden} units on {data_of(run)}, {run.codec.sizes[0]} "
        f"kinds of characters, {recipe.training.batch} windows of {recipe.data.window} a step; flori in {run.precision}"
    )
    contestants = {
        "nn.LSTM, float32": by_torch(run, "float32"),
        "nn.LSTM, bfloat16 by autocast": by_torch(run, "bfloat16"),
        "flori": endless(run),
    }
    return [Race(about, "tokens", contestants, SECONDS, work(run.state.model))]


def work(model: nn.Module) -> float:
    """Floating-point operations of training on one token, which meets each weight of each product once: two for a
    multiply-add, three times as many for the gradients with respect to inputs and weights as well."""
    weights = (p.numel() for name, p in model.named_parameters() if p.dim() == 2 and not name.startswith("embedding"))
    return 6.0 * sum(weights)
