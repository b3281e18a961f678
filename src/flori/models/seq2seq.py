"""From one sequence to another by two recurrent networks: one reads the source, the other writes the target.

Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks", 2014; Cho et al., "Learning phrase
representations using RNN encoder-decoder", 2014. The encoder reads in both directions. What each direction knows at
its end, joined, is the context: through a bridge the decoder's layers begin from their layer's, and the top layer's
is an input of every step.

Shapes: source [B, S] → e [B, S, 2·hidden], ends [layers, B, 2·hidden] → bridge [layers, B, hidden]; target [B, T] →
embedding and context [B, T, width + 2·hidden] → [B, T, hidden] → logits [B, T, V].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flori.layers.dropout import Dropout
from flori.layers.output import even_output
from flori.layers.recurrent import Carried, recur, recurrent


@dataclass(frozen=True)
class Remembered:
    """What a decoder knows: its layers' memory, and what stays of the source, tensors [N, …]."""

    carried: Carried
    source: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.carried)

    def select(self, rows: Tensor) -> Remembered:
        """The memories of these sentences, int64 [N]: in another order, or some several times."""
        return Remembered(self.carried.select(rows), tuple(t.index_select(0, rows) for t in self.source))


class Encoder(nn.Module):
    """A bidirectional network over the source, and the bridge to the decoder."""

    def __init__(self, cell: str, vocabulary: int, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = Dropout(dropout)
        self.rnn = recurrent(cell, width, hidden, layers, dropout, bidirectional=True)
        states = 2 if cell == "lstm" else 1
        self.bridges = nn.ModuleList(joining(2 * hidden, hidden) for _ in range(states))

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Carried]:
        """source int64 [B, S] → e [B, S, 2·hidden], which is zero where it is padded, the context [B, 2·hidden] and
        what the decoder begins from."""
        e, after = recur(self.rnn, self.dropout(self.embedding(source)), lengths=lengths)
        # torch has the two directions of a layer one after the other.
        ends = [t.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2) for t in after.tensors]
        begun = [bridge(end) for bridge, end in zip(self.bridges, ends, strict=True)]
        # h lies between −1 and 1, and an LSTM's c does not.
        return e, ends[0][-1], Carried((begun[0].tanh(), *begun[1:]))


class Seq2Seq(nn.Module):
    """Encoder and decoder, with nothing between them but the encoder's ends."""

    heads = ("output",)

    def __init__(
        self, cell: str, source: int, target: int, width: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = Encoder(cell, source, width, hidden, layers, dropout)
        self.embedding = nn.Embedding(target, width)
        self.dropout = Dropout(dropout)
        self.rnn = recurrent(cell, width + 2 * hidden, hidden, layers, dropout)
        self.output = even_output(hidden, target)
        self.rows = {"encoder.embedding": "source", "embedding": "target", "output": "target"}

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: source int64 [B, S], target int64 [B, T] that begins with <bos> → logits [B, T, V]."""
        return self.decode(target, self.encode(source, source_lengths))[0]

    def encode(self, source: Tensor, source_lengths: Tensor) -> Remembered:
        """source int64 [B, S] with lengths int64 [B] → what the decoder begins from."""
        _, context, carried = self.encoder(source, source_lengths)
        return Remembered(carried, (context,))

    def decode(self, target: Tensor, memory: Remembered) -> tuple[Tensor, Remembered]:
        """Go on from the memory with target int64 [N, T] → logits [N, T, V], and the memory after it."""
        x = self.dropout(self.embedding(target))
        context = memory.source[0].to(x.dtype)[:, None].expand(-1, x.shape[1], -1)
        h, carried = recur(self.rnn, torch.cat((x, context), -1), memory.carried)
        return self.output(self.dropout(h)), Remembered(carried, memory.source)


def joining(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer with Xavier's weights, made to be followed by tanh."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def seq2seq(
    source: int = 1000,
    target: int = 1000,
    *,
    cell: str = "gru",
    width: int = 256,
    hidden: int = 256,
    layers: int = 2,
    dropout: float = 0.2,
) -> Seq2Seq:
    """A translator from `source` to `target` words.

    Args:
        cell: "gru", "lstm" or "rnn"; width: of the embeddings; hidden: units of each layer and direction.
        layers: how many the encoder and the decoder each have.
        dropout: share of units left out in training, of the embeddings and of each layer's output.
    """
    return Seq2Seq(cell, source, target, width, hidden, layers, dropout)
