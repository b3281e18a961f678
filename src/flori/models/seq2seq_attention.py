"""From one sequence to another by two recurrent networks, of which the second looks at what the first said of a word.

Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", 2015; Luong, Pham
and Manning, "Effective approaches to attention-based neural machine translation", 2015. In Bahdanau's order the
attention asks with the state of the step before, and what it finds is an input of the step: `feeding`, one step after
the other. In Luong's order it asks with the state of the step itself, so that the decoder reads the whole target first
and then asks for all steps at once. In either, the output is a function of what was found and of the state.

Shapes: source [B, S] → e [B, S, 2·hidden]; target [B, T] → embedding [B, T, width] → h [B, T, hidden] → weights
[B, T, S], context [B, T, 2·hidden] → tanh [B, T, hidden] → logits [B, T, V].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flori.layers.attention import AdditiveAttention, dot_product_weights, within
from flori.layers.dropout import Dropout
from flori.layers.output import even_output
from flori.layers.recurrent import Carried, recur, recurrent
from flori.models.seq2seq import Encoder, Remembered, joining


class DotAttention(nn.Module):
    """softmax((W_q q)ᵀ(W_k k)/√d) over the keys, with d numbers in each product."""

    def __init__(self, queries: int, keys: int, hidden: int) -> None:
        super().__init__()
        self.W_q = nn.Linear(queries, hidden, bias=False)
        self.W_k = nn.Linear(keys, hidden, bias=False)

    def weights(self, queries: Tensor, projected: Tensor, mask: Tensor | None = None) -> Tensor:
        """queries [B, Q, ·] and W_k k of the keys, [B, K, hidden], which many queries share → [B, Q, K]."""
        return dot_product_weights(self.W_q(queries), projected, mask)


SCORES: dict[str, type[AdditiveAttention] | type[DotAttention]] = {"additive": AdditiveAttention, "dot": DotAttention}
Found = tuple[Tensor, Tensor, Tensor, Carried]
"""h [N, T, hidden], context [N, T, 2·hidden], weights [N, T, S], and what the layers carry on."""


class Seq2SeqAttention(nn.Module):
    """Encoder, attention to all that it said, decoder."""

    heads = ("output",)

    def __init__(
        self,
        cell: str,
        source: int,
        target: int,
        width: int,
        hidden: int,
        layers: int,
        dropout: float,
        score: str,
        feeding: bool,
    ) -> None:
        super().__init__()
        self.feeding = feeding
        self.encoder = Encoder(cell, source, width, hidden, layers, dropout)
        self.embedding = nn.Embedding(target, width)
        self.dropout = Dropout(dropout)
        self.score = SCORES[score](hidden, 2 * hidden, hidden)
        self.rnn = recurrent(cell, width + 2 * hidden if feeding else width, hidden, layers, dropout)
        self.combine = joining(3 * hidden, hidden)
        self.output = even_output(hidden, target)
        self.rows = {"encoder.embedding": "source", "embedding": "target", "output": "target"}

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: source int64 [B, S], target int64 [B, T] that begins with <bos> → logits [B, T, V]."""
        return self.decode(target, self.encode(source, source_lengths))[0]

    def encode(self, source: Tensor, source_lengths: Tensor) -> Remembered:
        """source int64 [B, S] with lengths int64 [B] → what the decoder begins from and looks at."""
        e, _, carried = self.encoder(source, source_lengths)
        mask = within(source_lengths, source.shape[1]).to(e.device)
        return Remembered(carried, (e, self.score.W_k(e), mask))

    def decode(self, target: Tensor, memory: Remembered) -> tuple[Tensor, Remembered]:
        """Go on from the memory with target int64 [N, T] → logits [N, T, V], and the memory after it."""
        h, context, _, carried = self._read(target, memory)
        combined = self.combine(torch.cat((context, h), -1)).tanh()
        return self.output(self.dropout(combined)), Remembered(carried, memory.source)

    def attention(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weights that each step of the target gives each word of the source: "cross" [1, B, 1, T, S]."""
        _, _, weights, _ = self._read(target, self.encode(source, source_lengths))
        return {"cross": weights[None, :, None]}

    def _read(self, target: Tensor, memory: Remembered) -> Found:
        x = self.dropout(self.embedding(target))
        if self.feeding:
            return self._feed(x, memory)
        h, carried = recur(self.rnn, x, memory.carried)
        return h, *self._look(h, memory), carried

    def _feed(self, x: Tensor, memory: Remembered) -> Found:
        carried, steps = memory.carried, []
        for x_t in x.split(1, 1):
            context, weights = self._look(carried.tensors[0][-1][:, None], memory)
            h, carried = recur(self.rnn, torch.cat((x_t, context.to(x.dtype)), -1), carried)
            steps.append((h, context, weights))
        h, context, weights = (torch.cat(parts, 1) for parts in zip(*steps, strict=True))
        return h, context, weights, carried

    def _look(self, queries: Tensor, memory: Remembered) -> tuple[Tensor, Tensor]:
        """queries [N, T, hidden] → contexts [N, T, 2·hidden] and weights [N, T, S]."""
        e, keys, mask = memory.source
        weights = self.score.weights(queries, keys, mask[:, None])
        return weights.to(e.dtype) @ e, weights


def seq2seq_attention(
    source: int = 1000,
    target: int = 1000,
    *,
    cell: str = "gru",
    width: int = 256,
    hidden: int = 256,
    layers: int = 2,
    dropout: float = 0.2,
    score: str = "additive",
    feeding: bool = False,
) -> Seq2SeqAttention:
    """A translator from `source` to `target` words.

    Args:
        cell: "gru", "lstm" or "rnn"; width: of the embeddings; hidden: units of each layer and direction.
        layers: how many the encoder and the decoder each have.
        dropout: share of units left out in training, of the embeddings and of each layer's output.
        score: "additive" (Bahdanau) or "dot" (Luong).
        feeding: whether what the attention finds is an input of the step, as Bahdanau has it: several times as slow.
    """
    return Seq2SeqAttention(cell, source, target, width, hidden, layers, dropout, score, feeding)
