"""Numbers that stand for words."""

from __future__ import annotations

from torch import nn


def embedding(words: int, width: int) -> nn.Embedding:
    """Vectors of length 1 or so, [words, width]: what a network has learnt of a word soon outweighs how it began."""
    table = nn.Embedding(words, width)
    nn.init.normal_(table.weight, std=width**-0.5)
    return table
