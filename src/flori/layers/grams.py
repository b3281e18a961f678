"""What the last 2, 3, … n tokens stand for together: a vector for each such n-gram, beside that of the single token.

So the layers need not first put together which letters stand side by side (Huang et al., "Over-tokenized Transformer",
2025). Tables have one size however many n-grams there are: rows are found by a hash, and n-grams may share one
(Weinberger et al. 2009; Bojanowski et al. 2017).

Shapes: tokens [B, T] → for each length a row [B, T, features] → side by side, and a linear layer → [B, T, H].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.dropout import dropout

FACTOR, SPREAD, SHIFT = 1_000_003, 2_654_435_761, 17
NONE = -1  # in place of tokens before the first


class Grams(nn.Module):
    """Tables of `rows` vectors for the 2- to `longest`-grams, and what they add to a token's vector."""

    def __init__(self, width: int, longest: int, rows: int, features: int, dropout: float) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, features) for _ in range(2, longest + 1))
        self.mix = nn.Linear(features * len(self.tables), width, bias=False)
        self.dropout, self.longest, self.features = dropout, longest, features
        for table in self.tables:
            assert isinstance(table, nn.Embedding)
            nn.init.zeros_(table.weight)
        nn.init.normal_(self.mix.weight, std=(width * self.mix.in_features) ** -0.5)

    def forward(self, tokens: Tensor, before: Tensor | None = None) -> Tensor:
        """tokens int64 [B, T], and those before them [B, any number] → [B, T, H]."""
        seen, count = tokens, tokens.shape[1]
        if before is not None:
            seen = torch.cat((before[:, max(0, before.shape[1] - self.longest + 1) :], tokens), 1)
        found = []
        for length, table in enumerate(self.tables, 2):
            assert isinstance(table, nn.Embedding)
            found.append(table(rows(seen, length, table.num_embeddings)[:, -count:]))
        return self.mix(self._thinned(torch.stack(found, -2)).flatten(-2))

    def _thinned(self, found: Tensor) -> Tensor:
        """Vectors [B, T, lengths, features] without some, each whole or not at all."""
        return found * dropout(found.new_ones(*found.shape[:-1], 1), self.dropout, self.training)


def rows(tokens: Tensor, length: int, count: int) -> Tensor:
    """The row, of `count`, of the n-gram that ends at each of tokens int64 [B, T]: int64 [B, T]."""
    code = tokens
    for back in range(1, length):
        earlier = F.pad(tokens, (back, 0), value=NONE)[:, : tokens.shape[1]]
        code = code * FACTOR + earlier + 1
        code = code ^ (code >> SHIFT)
    return (code * SPREAD >> 7) % count
