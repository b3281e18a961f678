"""The Transformer as a language model: a decoder without a source, which says what follows each token.

Radford et al., "Improving language understanding by generative pre-training", 2018. Options go beyond it: the norm
before each sublayer, rotary positions (Su et al. 2021), squared ReLU (So et al. 2021), vectors of n-grams (Huang et al.
2025).

Shapes: tokens [B, T] → embeddings and those of n-grams, times √H, plus positions unless those are rotary [B, T, H] →
layers in which no place looks at a later one [B, T, H] → logits [B, T, V].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.attention import Attend, Watched, causal, fused
from flori.layers.cache import Cache
from flori.layers.dropout import Dropout
from flori.layers.embedding import embedding
from flori.layers.grams import Grams
from flori.layers.positions import Rotary, turning
from flori.layers.positions import positions as positions_of
from flori.layers.sections import Section
from flori.layers.transformer import Shape, Stack, splits
from flori.models.transformer import begin_open


@dataclass(frozen=True, eq=False)
class Past:
    """What N rows have seen: their tokens [N, L], and keys and values."""

    tokens: Tensor
    cache: Cache

    def __len__(self) -> int:
        return len(self.cache)

    def select(self, rows: Tensor) -> Past:
        """The past of rows int64 [N′] of this one, in their order; any may be there several times."""
        cache = self.cache.select(rows)
        return self if cache is self.cache else Past(self.tokens[rows], cache)


class TransformerLM(nn.Module):
    """Embedding, layers, logits; the output's weights are the embedding if `tied`."""

    def __init__(
        self,
        vocabulary: int,
        layers: int,
        shape: Shape,
        context: int,
        positions: str,
        tied: bool,
        grams: tuple[int, int, int, float] = (1, 0, 0, 0.0),
    ) -> None:
        super().__init__()
        width = shape.width
        self.embedding, self.positions = embedding(vocabulary, width), positions_of(positions, context, width)
        self.grams = Grams(width, *grams) if grams[0] > 1 else None
        self.dropout, self.decoder = Dropout(shape.dropout), Stack(layers, shape)
        self.output = None if tied else nn.Linear(width, vocabulary, bias=False)
        self.heads = ("embedding",) if tied else ("output",)
        self.splits = splits(decoder=self.decoder) | ({"grams": "grams"} if self.grams is not None else {})
        self.rows = {"embedding": "vocabulary", "output": "vocabulary"}
        begin_open(self.decoder, self.output)
        self.context, self.head_width = context, width // shape.heads
        if positions == "rotary" and self.head_width % 2:
            raise ValueError(f"positions=rotary: width / heads must be even, and {width} / {shape.heads} is not")

    def forward(self, tokens: Tensor, memory: Past | None = None) -> tuple[Tensor, Past | None]:
        """tokens int64 [B, T] → logits [B, T, V], and the memory with which to go on; None in training.

        More tokens than the context at once raise ValueError. Going on has no gradient, and never ends: where the
        context is full, the network reads the last half of it anew and forgets what was before.
        """
        if memory is not None:
            return self._go_on(tokens, memory)
        if self.training:
            return self._logits(tokens, fused(is_causal=True)), None
        cache, attend = Cache.empty(len(tokens)).longer(tokens)
        return self._logits(tokens, attend), Past(tokens, cache)

    @torch.no_grad()
    def _go_on(self, tokens: Tensor, memory: Past) -> tuple[Tensor, Past | None]:
        before, count = memory.cache.length, tokens.shape[1]
        every = torch.cat((memory.tokens, tokens), 1)
        if before + count > self.context:
            kept = count + max(0, min(self.context // 2, self.context - count))
            logits, memory = self(every[:, before + count - kept :])
            return logits[:, kept - count :], memory
        cache, attend = memory.cache.longer(tokens)
        return self._logits(tokens, attend, memory.tokens), Past(every, cache)

    @torch.no_grad()
    def attention(self, tokens: Tensor) -> dict[str, Tensor]:
        """The weights "decoder" [layers, B, h, T, T]."""
        watched = Watched(causal(tokens.shape[1], tokens.shape[1], tokens.device))
        self._logits(tokens, watched)
        return {"decoder": torch.stack(watched.weights)}

    def _logits(self, tokens: Tensor, attend: Attend, before: Tensor | None = None) -> Tensor:
        """Logits of tokens [B, T] that stand after those `before`."""
        start, count = 0 if before is None else before.shape[1], tokens.shape[1]
        if start + count > self.context:
            raise ValueError(f"{start + count} tokens at once, but the context is {self.context}")
        x = self.decoder(self._embedded(tokens, start, before), self._turned(attend, start, count))
        return self._read_out(x)

    def _turned(self, attend: Attend, start: int, count: int) -> Attend:
        rotary = isinstance(self.positions, Rotary)
        return turning(attend, start, count, self.head_width) if rotary else attend

    def _embedded(self, tokens: Tensor, start: int = 0, before: Tensor | None = None) -> Tensor:
        x = self.embedding(tokens)
        if self.grams is not None:
            x = x + self.grams(tokens, before)
        return self.dropout(self.positions(x * math.sqrt(self.embedding.embedding_dim), start))

    def _read_out(self, x: Tensor) -> Tensor:
        return F.linear(x, self.embedding.weight if self.output is None else self.output.weight)

    def sections(self) -> list[Section]:
        """Tokens int64 [B, T] → embeddings → each of the layers [B, T, H] → logits [B, T, V]. A tied embedding is in
        the first and in the last of them."""
        names = [f"decoder.layers.{number}" for number in range(len(self.decoder.layers))]
        output = "embedding" if self.output is None else "output"
        return [
            Section(("embedding", "grams", "positions"), self._embedded),
            *(Section((name,), self._by(layer)) for name, layer in zip(names, self.decoder.layers, strict=True)),
            Section(("decoder.norm", output), lambda x: self._read_out(self.decoder.norm(x))),
        ]

    def _by(self, layer: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda x: layer(x, self._turned(fused(is_causal=True), 0, x.shape[1]))


def transformer_lm(
    vocabulary: int = 65,
    *,
    width: int = 256,
    heads: int = 4,
    layers: int = 4,
    hidden: int | None = None,
    dropout: float = 0.15,
    context: int = 256,
    positions: str = "rotary",
    norm: str = "pre",
    tied: bool = True,
    activation: str = "relu2",
    grams: int = 5,
    gram_rows: int = 65_536,
    gram_width: int = 64,
    gram_dropout: float = 0.5,
) -> TransformerLM:
    """A decoder for a vocabulary of so many words that sees at most `context` tokens.

    Args:
        hidden: units of the feed-forward networks, None: 4·width.
        positions: sinusoidal, learned or rotary; norm: pre or post; activation: relu, gelu or relu2.
        grams: n-grams up to so long have vectors, `gram_rows` of `gram_width` numbers for each length.
        gram_dropout: share of these left out in training, each whole.

    Raises ValueError where they do not fit together.
    """
    shape = Shape(width, heads, hidden or 4 * width, dropout, norm, activation)
    kinds = (grams, gram_rows, gram_width, gram_dropout)
    return TransformerLM(vocabulary, layers, shape, context, positions, tied, kinds)
