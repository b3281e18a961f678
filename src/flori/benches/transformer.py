"""transformer beside torch.nn.Transformer in the books' loop: sentences of one length, padded or cut, in float32."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from flori.benches import texts
from flori.benches.timing import Contestant, Race
from flori.benches.training import assembled, data_of, endless, ordinary
from flori.core.recipe import Training
from flori.data.sequence_parts import TranslationPart
from flori.data.sequences import IGNORED
from flori.layers.attention import causal, within
from flori.layers.positions import sinusoids
from flori.recipes.assembly import Assembly

SECONDS = 6.0  # a round, for each: the books' step takes seconds
BOOKS_LENGTH = 10  # tokens: what the books pad and cut to, so that little is padded and much is cut off


class Ordinary(nn.Module):
    """torch.nn.Transformer with embeddings and sinusoids of `longest` places before it, and behind it logits by the
    weights of the target's embedding."""

    def __init__(self, vocabularies: tuple[int, int], options: Any, longest: int) -> None:
        super().__init__()
        self.source_embedding, self.target_embedding = (nn.Embedding(words, options.width) for words in vocabularies)
        self.register_buffer("positions", sinusoids(0, longest, options.width).float())
        self.dropout = nn.Dropout(options.dropout)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a quicker way that torch does not take with norm first
            self.transformer = nn.Transformer(
                *(options.width, options.heads, options.layers, options.layers, options.hidden or 4 * options.width),
                dropout=options.dropout,
                activation=options.activation,
                norm_first=options.norm == "pre",
                batch_first=True,
            )

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """source int64 [B, S] with lengths [B], target [B, T] → logits [B, T, V]."""
        padding, later = ~within(lengths, source.shape[1]), ~causal(target.shape[1], target.shape[1])
        x, y = self._embedded(self.source_embedding, source), self._embedded(self.target_embedding, target)
        h = self.transformer(x, y, tgt_mask=later, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return F.linear(h, self.target_embedding.weight)

    def _embedded(self, embedding: nn.Module, tokens: Tensor) -> Tensor:
        x = embedding(tokens) * math.sqrt(self.transformer.d_model)
        return self.dropout(x + self.get_buffer("positions")[: tokens.shape[1]])


def of_length(part: TranslationPart, length: int) -> TensorDataset:
    """All pairs padded or cut to `length` tokens on both sides: sources int64 [N, length], their lengths [N], what the
    decoder is fed [N, length], and targets [N, length], `IGNORED` where padded."""
    whole = part.batch(np.arange(len(part.lengths)))
    assert whole.source is not None and whole.source_lengths is not None
    columns = ((whole.source, part.source_pad), (whole.inputs, part.target_pad), (whole.targets, IGNORED))
    source, inputs, targets = (F.pad(t, (0, length - t.shape[1]), value=fill) for t, fill in columns)
    return TensorDataset(source, whole.source_lengths.clamp(max=length), inputs, targets)


def losses(model: nn.Module, pairs: TensorDataset, training: Training) -> Iterator[tuple[Tensor, int]]:
    """The loss of each shuffled batch with the number of its targets, padding not counted, for ever."""
    loader = DataLoader(pairs, training.batch, shuffle=True)
    while True:
        for source, lengths, inputs, targets in loader:
            logits, wanted = model(source, lengths, inputs).flatten(0, 1), targets.flatten()
            smoothing = training.label_smoothing
            loss = F.cross_entropy(logits, wanted, ignore_index=IGNORED, label_smoothing=smoothing)
            yield loss, int((wanted != IGNORED).sum())


def books(run: Assembly, length: int) -> Contestant:
    """The books' loop on the run's pairs, with all sentences of this length."""
    model = Ordinary(run.codec.sizes, run.recipe.model, length)
    pairs = of_length(run.data.parts["train"].numbers, length)
    return ordinary(model, run.recipe.training, losses(model, pairs, run.recipe.training))


def races() -> list[Race]:
    """One, on the same pairs: what is counted is the targets that are no padding."""
    run = assembled("transformer", "fra-eng", texts.pairs)
    recipe, part = run.recipe, run.data.parts["train"].numbers
    longest = int(part.lengths.max())
    about = (
        f"training {recipe.model.layers} + {recipe.model.layers} layers of {recipe.model.width} on {data_of(run)}, "
        "{} and {} kinds of words, ".format(*run.codec.sizes)
        + f"{part.lengths[:, 1].mean():.1f} targets a pair, up to {recipe.training.batch} pairs a step; "
        f"flori in {run.precision}"
    )
    contestants = {
        f"nn.Transformer, padded to {longest}": books(run, longest),
        f"nn.Transformer, cut to {BOOKS_LENGTH}": books(run, BOOKS_LENGTH),
        "flori": endless(run),
    }
    return [Race(about, "valid targets", contestants, SECONDS)]
