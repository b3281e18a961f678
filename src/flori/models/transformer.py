"""The Transformer that translates: an encoder reads the source, a decoder writes the target, looking at it.

Vaswani et al., "Attention is all you need", 2017. Names of parameters are those of torch.nn.Transformer, but for the
projections of attention (see layers/transformer.py).

Shapes: source [B, S], target [B, T] → embeddings times √H, plus positions [B, S, H], [B, T, H] → encoder [B, S, H] →
keys and values for each layer of the decoder [B, h, S, d] → decoder [B, T, H] → logits [B, T, V].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.attention import Attend, Watched, causal, fused, kept, within
from flori.layers.cache import Cache
from flori.layers.dropout import Dropout
from flori.layers.embedding import embedding
from flori.layers.positions import positions as positions_of
from flori.layers.transformer import Shape, Stack, splits


class Transformer(nn.Module):
    """Two embeddings, encoder and decoder; the output's weights are the target's embedding if `tied`.

    `context`: places of a sentence at most, None for any number.
    """

    def __init__(
        self,
        vocabularies: tuple[int, int],
        layers: int,
        shape: Shape,
        positions: str,
        longest: int,
        tied: bool,
    ) -> None:
        super().__init__()
        if positions == "rotary":
            raise ValueError("positions=rotary: must be sinusoidal or learned")
        width = shape.width
        self.source_embedding, self.target_embedding = (embedding(words, width) for words in vocabularies)
        self.source_positions, self.target_positions = (positions_of(positions, longest, width) for _ in range(2))
        self.dropout = Dropout(shape.dropout)
        self.encoder, self.decoder = Stack(layers, shape), Stack(layers, shape, cross=True)
        self.output = None if tied else nn.Linear(width, vocabularies[1], bias=False)
        self.heads = ("target_embedding",) if tied else ("output",)
        self.splits = splits(encoder=self.encoder, decoder=self.decoder)
        self.rows = {"source_embedding": "source", "target_embedding": "target", "output": "target"}
        self.context = longest if positions == "learned" else None
        begin_open(self.decoder, self.output)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """source int64 [B, S] with lengths [B], target [B, T] that begins with <bos> → logits [B, T, V]."""
        look = fused(_mask(source, source_lengths))
        remembered = self.decoder.remember(self._encoded(source, look))
        x = self._embedded_target(target)
        return self._logits(self.decoder(x, fused(is_causal=True), remembered, look))

    @torch.no_grad()
    def encode(self, source: Tensor, source_lengths: Tensor) -> Cache:
        """What `decode` needs to know of the sources: their masks, and keys and values for each of its layers."""
        mask = _mask(source, source_lengths)
        remembered = self.decoder.remember(self._encoded(source, fused(mask)))
        return Cache.empty(len(source), (mask, *(kept(t) for pair in remembered for t in pair)))

    @torch.no_grad()
    def decode(self, target: Tensor, memory: Cache) -> tuple[Tensor, Cache]:
        """target int64 [N, T], after what the memory has seen → logits [N, T, V], and the memory of that too.

        There is no gradient. Raises ValueError for another number of rows than the memory's.
        """
        longer, attend = memory.longer(target)
        mask, *rest = memory.beside
        remembered = list(zip(rest[::2], rest[1::2], strict=True))
        x = self._embedded_target(target, memory.length)
        return self._logits(self.decoder(x, attend, remembered, fused(mask))), longer

    @torch.no_grad()
    def attention(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weights [layers, B, h, ·, ·]: "encoder" of S to S, "decoder" of T to T, "cross" of T to S places."""
        mask = _mask(source, source_lengths)
        encoder, cross = Watched(mask), Watched(mask)
        decoder = Watched(causal(target.shape[1], target.shape[1], target.device))
        remembered = self.decoder.remember(self._encoded(source, encoder))
        self.decoder(self._embedded_target(target), decoder, remembered, cross)
        watched = {"encoder": encoder, "decoder": decoder, "cross": cross}
        return {name: torch.stack(found.weights) for name, found in watched.items()}

    def _encoded(self, source: Tensor, attend: Attend) -> Tensor:
        x = embedded(self.source_embedding, source)
        return self.encoder(self.dropout(self.source_positions(x)), attend)

    def _embedded_target(self, target: Tensor, start: int = 0) -> Tensor:
        x = embedded(self.target_embedding, target)
        return self.dropout(self.target_positions(x, start))

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(x, self.target_embedding.weight if self.output is None else self.output.weight)


def begin_open(decoder: Stack, output: nn.Linear | None) -> None:
    """Begin without a favourite among the words: with zeros in an output of its own.

    Where embeddings are the output, a place resembles its own token at first, whose logit would be √H: a loss far above
    ln V. With the last norm scaled down by H^¼ it is H^¼.
    """
    if output is None:
        nn.init.constant_(decoder.norm.weight, len(decoder.norm.weight) ** -0.25)
    else:
        nn.init.zeros_(output.weight)


def embedded(table: nn.Embedding, tokens: Tensor) -> Tensor:
    """√H times the embeddings: tokens int64 [B, T] → [B, T, H]."""
    return table(tokens) * math.sqrt(table.embedding_dim)


def _mask(source: Tensor, lengths: Tensor) -> Tensor:
    """Where there are tokens, for every head and query: bool [B, 1, 1, S]."""
    return within(lengths, source.shape[1])[:, None, None]


def transformer(
    source: int = 10_000,
    target: int = 10_000,
    *,
    width: int = 256,
    heads: int = 4,
    layers: int = 3,
    hidden: int | None = None,
    dropout: float = 0.1,
    norm: str = "pre",
    positions: str = "sinusoidal",
    longest: int = 512,
    tied: bool = True,
    activation: str = "relu",
) -> Transformer:
    """A Transformer for vocabularies of `source` and `target` words, with so many layers in encoder and in decoder.

    `hidden`: units of the feed-forward networks, None: 4·width; `longest`: the most tokens of a sentence if positions
    are learned; norm: pre or post; activation: relu, gelu or relu2. Raises ValueError where they do not fit together.
    """
    shape = Shape(width, heads, hidden or 4 * width, dropout, norm, activation)
    return Transformer((source, target), layers, shape, positions, longest, tied)
