"""A tag for each word, from what stands before it and what stands after it.

Huang, Xu and Yu, "Bidirectional LSTM-CRF models for sequence tagging", 2015, without the CRF.

Shapes: words [B, T] → embedding [B, T, width] → both directions [B, T, 2·hidden] → logits [B, T, K].
"""

from __future__ import annotations

from torch import Tensor, nn

from flori.layers.dropout import Dropout
from flori.layers.output import even_output
from flori.layers.recurrent import recur, recurrent


class BiLSTMTagger(nn.Module):
    """Embedding, bidirectional LSTM, one linear layer."""

    heads = ("output",)

    def __init__(self, vocabulary: int, labels: int, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = Dropout(dropout)
        self.rnn = recurrent("lstm", width, hidden, layers, dropout, bidirectional=True)
        self.output = even_output(2 * hidden, labels)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens int64 [B, T] with lengths int64 [B] → logits [B, T, K]; those beyond a length say nothing."""
        h, _ = recur(self.rnn, self.dropout(self.embedding(tokens)), lengths=lengths)
        return self.output(self.dropout(h))


def bilstm_tagger(
    vocabulary: int = 1000,
    labels: int = 9,
    *,
    width: int = 128,
    hidden: int = 128,
    layers: int = 1,
    dropout: float = 0.5,
) -> BiLSTMTagger:
    """A tagger with `labels` tags.

    Args:
        width: of the embedding; hidden: units of each layer and direction; layers: how many.
        dropout: share of units left out in training, of the embedding and of each layer's output.
    """
    return BiLSTMTagger(vocabulary, labels, width, hidden, layers, dropout)
