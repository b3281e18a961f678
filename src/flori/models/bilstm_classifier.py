"""A class for a text, from a bidirectional LSTM over its words.

Conneau et al., "Supervised learning of universal sentence representations from natural language inference data",
2017: of each unit the largest number that it has over the words, or its mean. Only the words that are there count.

Shapes: words [B, T] → embedding [B, T, width] → [B, T, 2·hidden] → pooled [B, 2·hidden] → logits [B, K].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flori.layers.attention import within
from flori.layers.dropout import Dropout
from flori.layers.embedding import embedding
from flori.layers.output import even_output
from flori.layers.recurrent import recur, recurrent


class BiLSTMClassifier(nn.Module):
    """Embedding, bidirectional LSTM, pooling over the words, one linear layer."""

    heads = ("output",)

    def __init__(
        self, vocabulary: int, labels: int, width: int, hidden: int, layers: int, dropout: float, pooling: str
    ) -> None:
        super().__init__()
        self.pool = POOLINGS[pooling]
        self.embedding = embedding(vocabulary, width)
        self.dropout = Dropout(dropout)
        self.rnn = recurrent("lstm", width, hidden, layers, dropout, bidirectional=True)
        self.output = even_output(2 * hidden, labels)
        self.rows = {"embedding": "vocabulary"}

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens int64 [B, T] with lengths int64 [B] → logits [B, K]."""
        h, _ = recur(self.rnn, self.dropout(self.embedding(tokens)), lengths=lengths)
        return self.output(self.dropout(self.pool(h, lengths.to(h.device))))


def _largest(h: Tensor, lengths: Tensor) -> Tensor:
    return h.masked_fill(~within(lengths, h.shape[1])[:, :, None], -torch.inf).amax(1)


def _mean(h: Tensor, lengths: Tensor) -> Tensor:
    # Beyond a length h is zero and adds nothing; the sum of many numbers is made in float32.
    return h.sum(1, dtype=torch.promote_types(h.dtype, torch.float32)) / lengths[:, None]


POOLINGS = {"max": _largest, "mean": _mean}


def bilstm_classifier(
    vocabulary: int = 1000,
    labels: int = 2,
    *,
    width: int = 128,
    hidden: int = 128,
    layers: int = 1,
    dropout: float = 0.5,
    pooling: str = "max",
) -> BiLSTMClassifier:
    """A classifier of texts with `labels` classes.

    Args:
        width: of the embedding; hidden: units of each layer and direction; layers: how many.
        dropout: share of units left out in training, of the embedding and of what goes into and out of each layer.
        pooling: "max" or "mean", how the words' numbers become the text's.
    """
    return BiLSTMClassifier(vocabulary, labels, width, hidden, layers, dropout, pooling)
