"""Recurrent language models: embedding, layers of RNN, GRU or LSTM cells, and a guess at the next token at each step.

Elman, "Finding structure in time", 1990; Cho et al., "Learning phrase representations using RNN encoder-decoder",
2014; Hochreiter and Schmidhuber, "Long short-term memory", 1997. Dropout stands between layers, never between steps
(Zaremba, Sutskever and Vinyals 2014). Tied, the output has the embedding's weights (Press and Wolf 2017).

Shapes: tokens [B, T] → embedding [B, T, width] → h of the top layer [B, T, hidden] → logits [B, T, V].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.dropout import Dropout
from flori.layers.meeting import Looked
from flori.layers.output import even_output
from flori.layers.recurrent import Carried, recur, recurrent


class RecurrentLanguage(nn.Module):
    """Reads tokens from left to right, and carries on where a memory left off."""

    def __init__(
        self, cell: str, vocabulary: int, width: int, hidden: int, layers: int, dropout: float, tied: bool
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.rnn = recurrent(cell, width, hidden, layers, dropout)
        self.dropout = Dropout(dropout)
        narrow = tied and hidden != width
        self.projection = nn.Linear(hidden, width, bias=False) if narrow else nn.Identity()
        self.output = Tied(vocabulary) if tied else even_output(hidden, vocabulary)
        self.heads = ("output", "embedding") if tied else ("output",)
        self.rows = {"embedding": "vocabulary", "output": "vocabulary"}
        self.tied, self.scale = tied, width**0.5
        if tied:
            # Rows of length 1 make small logits; as inputs they are scaled to numbers of variance 1.
            nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def forward(self, tokens: Tensor, memory: Carried | None = None) -> tuple[Tensor, Carried]:
        """tokens int64 [B, T], and what was read before them → logits [B, T, V] for the token after each, and the
        memory after the last."""
        h, memory = recur(self.rnn, self._inputs(tokens), memory)
        h = self.projection(self.dropout(h))
        return self.output(h) if not self.tied else self.output(h, self.embedding.weight), memory

    def _inputs(self, tokens: Tensor) -> Tensor | Looked:
        """What the first layer reads. Tokens of fewer kinds than an embedding has numbers, such as characters, meet its
        weights kind by kind, and need no dropout: each of them is seen thousands of times."""
        kinds, width = self.embedding.weight.shape
        if kinds < width:
            table = self.embedding(torch.arange(kinds, device=tokens.device))
            return Looked(table * self.scale if self.tied else table, tokens)
        # Embedded step by step, as the layers read it, so that nothing has to be moved.
        x = self.embedding(tokens.t()).transpose(0, 1)
        return self.dropout(x * self.scale if self.tied else x)


class Tied(nn.Module):
    """A linear layer with weights that are another layer's: a bias is all that it has of its own."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, h: Tensor, weight: Tensor) -> Tensor:
        """h […, D], weight [V, D] → […, V]."""
        return F.linear(h, weight, self.bias)


def _builder(cell: str) -> Callable[..., RecurrentLanguage]:
    def build(
        vocabulary: int = 65,
        *,
        width: int = 256,
        hidden: int = 512,
        layers: int = 1,
        dropout: float = 0.2,
        tied: bool = False,
    ) -> RecurrentLanguage:
        return RecurrentLanguage(cell, vocabulary, width, hidden, layers, dropout, tied)

    build.__name__ = build.__qualname__ = cell
    build.__doc__ = f"""A language model over `vocabulary` tokens of {cell} layers.

    Args:
        width: of the embedding; hidden: units of each layer; layers: how many.
        dropout: share of units left out in training, of each layer's output, and of the embedding where there are as
            many kinds of tokens as it has numbers.
        tied: whether the output has the embedding's weights, after a projection where hidden is not width.
    """
    return build


rnn, gru, lstm = (_builder(cell) for cell in ("rnn", "gru", "lstm"))
