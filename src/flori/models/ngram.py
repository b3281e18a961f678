"""n-gram language model: the next token by how often it followed the last ones (Dive into Deep Learning, section 9.3).

Counts, not weights: `count` learns a text in one pass, there is no gradient. With h the last tokens, at most n − 1:

add-k           p(w | h) = (n(h, w) + k) / (n(h) + kV)
interpolation   p(w | h) = (n(h, w) + λ t(h) p(w | h′)) / (n(h) + λ t(h))          (Witten and Bell 1991, with λ = 1)

h′ is h without its first token, down to 1/V below the empty one, and t(h) the number of different tokens that followed
h: where they were many, one more new one is to be expected, and the shorter history weighs the more.

Shapes: tokens int64 [B, T] → logits [B, T, V], the logarithms of these probabilities.

The counted j-grams of each j are kept in order, each as one number: (place of its first j − 1 tokens among the counted
(j−1)-grams)·V + its last token. So all that followed a history stand side by side, no j is too long for an int64, and
everything is looked up for all of [B, T] at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SMOOTHINGS = ("interpolation", "add-k")
PIECE = 1 << 22  # tokens counted at once
NONE = -1  # in place of an n-gram that was never counted, or has not enough tokens before it


@dataclass(frozen=True)
class Recent:
    """The last n − 1 tokens that were seen, int64 [N, at most n − 1]: all that an n-gram model remembers."""

    tokens: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.tokens,)

    def select(self, rows: Tensor) -> Recent:
        """The memory of some rows int64 [N], in their order."""
        return Recent(self.tokens[rows])

    def detached(self) -> Recent:
        """Itself: nothing is learnt through it."""
        return self


class NGram(nn.Module):
    """Counts of 1- to n-grams as buffers: ``codes2`` … in rising order, ``upto2`` … how many stand before each of them
    and, last, in all; ``counts1`` by token."""

    heads = ()
    counts1: Tensor
    like: Tensor

    def __init__(self, vocabulary: int, order: int, smoothing: str, strength: float) -> None:
        super().__init__()
        self.vocabulary, self.order, self.smoothing, self.strength = vocabulary, order, smoothing, strength
        self.register_buffer("counts1", torch.zeros(vocabulary, dtype=torch.int64))
        for length in range(2, order + 1):
            self._hold(length, torch.zeros(0, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
        self.register_buffer("like", torch.empty(0), persistent=False)  # logits are of its type
        self.register_load_state_dict_pre_hook(_make_room)

    def forward(self, tokens: Tensor, memory: Recent | None = None) -> tuple[Tensor, Recent]:
        """[B, T] → log p of the token after each [B, T, V], and the memory that goes on from there."""
        seen = tokens if memory is None else torch.cat([memory.tokens, tokens], 1)
        new = slice(seen.shape[1] - tokens.shape[1], None)
        chances, grams = self._chances(tokens), seen
        for length in range(1, self.order):
            grams = self._find(length, grams, seen) if length > 1 else seen
            enough = torch.arange(seen.shape[1], device=seen.device)[new] >= length - 1
            self._mix(chances, length + 1, grams[:, new].flatten(), enough.expand(tokens.shape).flatten())
        recent = seen[:, max(0, seen.shape[1] - self.order + 1) :]
        return chances.log_().view(*tokens.shape, self.vocabulary), Recent(recent)

    @torch.no_grad()
    def count(self, text: Any) -> None:
        """Add the n-grams of a text, a tensor or array of integers [n], to those that were counted; a second text does
        not go on from the first.

        Long texts, memory-mapped ones too, are gone through piece by piece.
        """
        before = self.order - 1
        for begin in range(0, len(text), PIECE):
            first = max(0, begin - before)
            piece = torch.from_numpy(np.asarray(text[first : begin + PIECE], np.int64)).to(self.counts1.device)
            self._count(piece, begin - first)

    def counts(self, length: int) -> tuple[Tensor, Tensor]:
        """All n-grams of a length that were counted, int64 [G, length], in order, and how often each [G]."""
        if length == 1:
            grams = self.counts1.nonzero()
            return grams, self.counts1[grams[:, 0]]
        codes = self._codes(length)
        firsts, lasts = codes // self.vocabulary, codes % self.vocabulary
        before = firsts[:, None] if length == 2 else self.counts(length - 1)[0][firsts]
        return torch.cat([before, lasts[:, None]], 1), self._upto(length).diff()

    def _chances(self, tokens: Tensor) -> Tensor:
        """What is known without any history, for each of the tokens [B, T]: [B·T, V]."""
        kinds = self.vocabulary if self.smoothing == "add-k" else int((self.counts1 > 0).sum())
        counted, mass = int(self.counts1.sum()), self.strength * kinds
        chances = torch.full_like(self.counts1, 1 / self.vocabulary, dtype=self.like.dtype)
        if counted + mass > 0:
            chances = (self.counts1 + mass * chances) / (counted + mass)
        return chances.repeat(tokens.numel(), 1)

    def _mix(self, chances: Tensor, length: int, histories: Tensor, enough: Tensor) -> None:
        """Bring in what n-grams of a length say after their histories.

        Args:
            chances: p(w | shorter history), changed in place [M, V]; histories: their places int64 [M].
            enough: where there are as many tokens before as the history has [M].
        """
        codes, upto = self._codes(length), self._upto(length)
        begin, end = (torch.searchsorted(codes, (histories + more) * self.vocabulary) for more in (0, 1))
        total, followers = (upto[end] - upto[begin]).to(chances.dtype), end - begin
        if self.smoothing == "add-k":
            mass = torch.full_like(total, self.strength * self.vocabulary)
            known = enough & (total + mass > 0)
            chances[known] = (self.strength / (total + mass))[known, None].expand(-1, self.vocabulary)
        else:
            mass = self.strength * followers.to(chances.dtype)
            chances *= torch.where(total > 0, mass / (total + mass), 1.0)[:, None]
        rows = torch.arange(len(chances), device=chances.device).repeat_interleave(followers)
        entries = torch.arange(len(rows), device=chances.device) + (begin - followers.cumsum(0) + followers)[rows]
        share = (upto[entries + 1] - upto[entries]) / (total + mass)[rows]
        chances.view(-1).index_add_(0, rows * self.vocabulary + codes[entries] % self.vocabulary, share)

    def _find(self, length: int, before: Tensor, tokens: Tensor) -> Tensor:
        """Where the n-grams of a length that end at each of tokens [B, T] stand among the counted ones, [B, T].

        Args: before: where those of one token less stand, [B, T].
        """
        codes, found = self._codes(length), torch.full_like(tokens, NONE)
        if len(codes):
            wanted = before[:, :-1] * self.vocabulary + tokens[:, 1:]
            places = torch.searchsorted(codes, wanted).clamp(max=len(codes) - 1)
            found[:, 1:] = torch.where(codes[places] == wanted, places, NONE)
        return found

    def _count(self, piece: Tensor, known: int) -> None:
        """Add the n-grams that end behind the first `known` tokens of a piece, which were counted before."""
        self.counts1 += torch.bincount(piece[known:], minlength=self.vocabulary)
        fresh = torch.arange(len(piece), device=piece.device) >= known
        places, moved = piece, None
        for length in range(2, self.order + 1):
            wanted = places[:-1] * self.vocabulary + piece[length - 1 :]
            codes, inverse = torch.unique(wanted, return_inverse=True)
            counts = torch.bincount(inverse[fresh[length - 1 :]], minlength=len(codes))
            moved = self._merge(length, codes, counts, moved)
            places = torch.searchsorted(self._codes(length), codes)[inverse]

    def _merge(self, length: int, codes: Tensor, counts: Tensor, moved: Tensor | None) -> Tensor:
        """Add counted n-grams, by their codes in order, to those held; where those held now stand.

        Args: moved: where the held ones of one token less now stand; None for single tokens, which stay.
        """
        held, before = self._codes(length), self._upto(length).diff()
        if moved is not None:
            held = moved[held // self.vocabulary] * self.vocabulary + held % self.vocabulary
        merged, inverse = torch.unique(torch.cat([held, codes]), return_inverse=True)
        sums = merged.new_zeros(len(merged)).index_add_(0, inverse, torch.cat([before, counts]))
        self._hold(length, merged, torch.cat([sums.new_zeros(1), sums.cumsum(0)]))
        return inverse[: len(held)]

    def _hold(self, length: int, codes: Tensor, upto: Tensor) -> None:
        self.register_buffer(f"codes{length}", codes)
        self.register_buffer(f"upto{length}", upto)

    def _codes(self, length: int) -> Tensor:
        return self.get_buffer(f"codes{length}")

    def _upto(self, length: int) -> Tensor:
        return self.get_buffer(f"upto{length}")


def _make_room(model: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Buffers as long as those to be loaded: how many n-grams there are is known to the counted model alone."""
    for name, buffer in list(model.named_buffers()):
        if name != "counts1" and prefix + name in state:
            model.register_buffer(name, buffer.new_empty(state[prefix + name].shape))


def ngram(vocabulary: int = 65, *, order: int = 3, smoothing: str = "interpolation", strength: float = 1.0) -> NGram:
    """A model of 1- to `order`-grams that has counted nothing yet.

    Args: strength: k or λ. Raises ValueError for an order below 1, an unknown smoothing or a strength below 0.
    """
    if order < 1 or strength < 0:
        raise ValueError(f"an n-gram model wants order ≥ 1 and strength ≥ 0, not {order} and {strength:g}")
    if smoothing not in SMOOTHINGS:
        raise ValueError(f"smoothing {smoothing!r} is none of {', '.join(SMOOTHINGS)}")
    return NGram(vocabulary, order, smoothing, float(strength))
