"""What a word looks like, from its letters: capitals, beginnings and endings, whether it was seen before or not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.dropout import Dropout


class Letters(nn.Module):
    """Letters → a word: a convolution over three letters, of each filter the largest number (Ma and Hovy 2016).

    Letters [..., C], 0 where none is → embedding [..., C, filters] → three side by side, none beyond the ends →
    max(0, W [x_{c−1}; x_c; x_{c+1}] + b) [..., C, filters] → largest over the word's own letters [..., filters]. A word
    without letters is zeros. Of the embedding a share is left out in training, as in the paper.
    """

    def __init__(self, alphabet: int, filters: int, dropout: float) -> None:
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(alphabet, filters), Dropout(dropout)
        self.convolution = nn.Linear(3 * filters, filters)
        nn.init.xavier_uniform_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)

    def forward(self, letters: Tensor) -> Tensor:
        """letters int64 [..., C] → [..., filters]."""
        there = (letters != 0)[..., None]
        x = self.dropout(self.embedding(letters)) * there
        before, after = F.pad(x, (0, 0, 1, -1)), F.pad(x, (0, 0, -1, 1))
        found = self.convolution(torch.cat([before, x, after], -1)).relu()
        return (found * there).amax(-2)  # nothing is below zero: letters that are not there say nothing
