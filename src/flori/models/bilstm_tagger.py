"""A tag for each word, from which word it is, what it looks like, and what stands before it and after it.

Huang, Xu and Yu, "Bidirectional LSTM-CRF models for sequence tagging", 2015, and Ma and Hovy, "End-to-end sequence
labeling via bi-directional LSTM-CNNs-CRF", 2016, both without the CRF.

Shapes: words [B, T] → embedding [B, T, width], beside it letters [B, T, C] → [B, T, characters] → both directions
[B, T, 2·hidden] → logits [B, T, K].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flori.layers.dropout import Dropout
from flori.layers.embedding import embedding
from flori.layers.letters import Letters
from flori.layers.output import even_output
from flori.layers.recurrent import recur, recurrent


class BiLSTMTagger(nn.Module):
    """Embeddings of words and letters, bidirectional LSTM, one linear layer."""

    heads = ("output",)

    def __init__(
        self,
        vocabulary: int,
        labels: int,
        alphabet: int,
        width: int,
        characters: int,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = embedding(vocabulary, width)
        seen = characters if alphabet else 0
        self.letters = Letters(alphabet, seen, dropout) if seen else None
        self.dropout = Dropout(dropout)
        self.rnn = recurrent("lstm", width + seen, hidden, layers, dropout, bidirectional=True)
        self.output = even_output(2 * hidden, labels)
        self.rows = {"embedding": "vocabulary", "letters.embedding": "alphabet"}

    def forward(self, tokens: Tensor, lengths: Tensor, characters: Tensor | None = None) -> Tensor:
        """tokens int64 [B, T] with lengths int64 [B] and the letters of each word, int64 [B, T, C], 0 where none is →
        logits [B, T, K]; those beyond a length say nothing."""
        x = self.embedding(tokens)
        if self.letters is not None:
            assert characters is not None
            x = torch.cat([x, self.letters(characters)], 2)
        h, _ = recur(self.rnn, self.dropout(x), lengths=lengths)
        return self.output(self.dropout(h))


def bilstm_tagger(
    vocabulary: int = 1000,
    labels: int = 9,
    alphabet: int = 0,
    *,
    width: int = 128,
    characters: int = 32,
    hidden: int = 128,
    layers: int = 1,
    dropout: float = 0.5,
) -> BiLSTMTagger:
    """A tagger with `labels` tags that tells so many letters apart; of none it reads words alone.

    Args:
        width: of the words' embedding; characters: numbers that stand for a word's letters, 0: they are not read;
            hidden: units of each layer and direction; layers: how many.
        dropout: share of units left out in training, of the embeddings and of each layer's output.
    """
    return BiLSTMTagger(vocabulary, labels, alphabet, width, characters, hidden, layers, dropout)
