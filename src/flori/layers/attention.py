"""Attention: a mean of values, weighted by how well their keys suit a query.

Additive scores vᵀtanh(W_q q + W_k k) are those of Bahdanau, Cho and Bengio 2015; scaled dot products qᵀk/√d and
several heads those of Vaswani et al. 2017.

Letters: B sequences, Q queries, K keys, h heads, d numbers a head, H = h·d. A mask is bool, True where a query may
look. How the heads of a layer attend is an argument, `Attend`: as fast as can be, by torch's fused kernel as a rule;
watched, to look at the weights; or with keys and values of before (cache.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LONGEST = 512  # keys up to which all weights of a batch may lie in memory

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""queries [B, h, Q, d], keys and values [B, h, K, d] → [B, h, Q, d]."""


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the last dimension of scores [..., K] where the mask is True, 0 elsewhere.

    A row that is masked whole gives zeros, and zeros as its gradient; no number is made that is not finite.
    """
    if mask is None:
        return scores.softmax(-1)
    nowhere = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask, -math.inf).masked_fill(nowhere, 0)
    return scores.softmax(-1).masked_fill(~mask, 0)


def within(lengths: Tensor, size: int) -> Tensor:
    """Which of `size` places come before the end of each sequence: lengths [B] → bool [B, size]."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def causal(queries: int, keys: int, device: torch.device | None = None) -> Tensor:
    """A mask [Q, K] by which the last query sees all keys and each one before it one key less."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def dot_product_weights(queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(qᵀk/√d): queries [..., Q, d], keys [..., K, d] → [..., Q, K]. Sums of halves are made in float32."""
    exact = torch.promote_types(queries.dtype, torch.float32)
    scores = (queries.to(exact) / math.sqrt(queries.shape[-1])) @ keys.to(exact).transpose(-1, -2)
    return masked_softmax(scores, mask).to(queries.dtype)


def dot_product_attention(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """The values' means by `dot_product_weights`, [B, h, Q, d]. A row masked whole gives zeros."""
    return fused(mask)(queries, keys, values)


def fused(mask: Tensor | None = None, is_causal: bool = False) -> Attend:
    """Attention as fast as can be. `is_causal`: no place sees a later one, and there is no mask.

    That is torch's fused kernel, but for bfloat16 on a processor: there three products are two to six times as fast
    in training. Keys and values that are `kept` in another type decide the type.
    """
    added: tuple[Tensor, Tensor | None] | None = None

    def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        nonlocal added
        if keys.dtype != queries.dtype:
            with torch.autocast(queries.device.type, enabled=False):
                return attend(queries.to(keys.dtype), keys, values).to(queries.dtype)
        if not _in_bfloat16_on_a_processor(queries) or keys.shape[-2] > LONGEST:
            return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=is_causal)
        if added is None:
            places = causal(queries.shape[-2], keys.shape[-2]) if is_causal else mask
            added = _added(places, queries)
        return _by_products(queries, keys, values, *added)

    return attend


def kept(t: Tensor) -> Tensor:
    """Keys or values that single queries will look at, one after the other, in the type in which that is fastest."""
    return t.float() if _in_bfloat16_on_a_processor(t) else t


def _in_bfloat16_on_a_processor(t: Tensor) -> bool:
    return t.dtype == torch.bfloat16 and t.device.type == "cpu"


def _added(mask: Tensor | None, queries: Tensor) -> tuple[Tensor, Tensor | None]:
    """What is added to scores: 0 and −∞, or 0 alone in rows that are masked whole; and which these are, if any."""
    if mask is None:
        return queries.new_zeros(1, 1), None
    nowhere = ~mask.any(-1, keepdim=True)
    added = queries.new_zeros(mask.shape).masked_fill_(~mask, -math.inf).masked_fill_(nowhere, 0)
    return added, nowhere if nowhere.any() else None


def _by_products(queries: Tensor, keys: Tensor, values: Tensor, added: Tensor, nowhere: Tensor | None) -> Tensor:
    b, h, _, d = queries.shape
    q, k, v = (t.flatten(0, 1) for t in (queries, keys, values))
    if added.dim() == 4:
        added = added.expand(b, h, -1, -1).flatten(0, 1)
    weights = torch.baddbmm(added, q, k.transpose(1, 2), alpha=d**-0.5).softmax(-1)
    found = torch.bmm(weights.to(v.dtype), v).unflatten(0, (b, h))
    return found if nowhere is None else found.masked_fill(nowhere, 0)


class Watched:
    """Attention that keeps its weights [B, h, Q, K], those of each call one after the other."""

    def __init__(self, mask: Tensor | None = None) -> None:
        self.mask = mask
        self.weights: list[Tensor] = []

    def __call__(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        self.weights.append(dot_product_weights(queries, keys, self.mask))
        return self.weights[-1] @ values


class AdditiveAttention(nn.Module):
    """softmax(w_vᵀtanh(W_q q + W_k k)) over the keys; queries and keys may differ in width."""

    def __init__(self, queries: int, keys: int, hidden: int) -> None:
        super().__init__()
        self.W_q = nn.Linear(queries, hidden, bias=False)
        self.W_k = nn.Linear(keys, hidden, bias=False)
        self.w_v = nn.Linear(hidden, 1, bias=False)

    def weights(self, queries: Tensor, projected: Tensor, mask: Tensor | None = None) -> Tensor:
        """queries [B, Q, ·] and W_k k of the keys, [B, K, hidden], which many queries share → [B, Q, K]."""
        features = torch.tanh(self.W_q(queries)[:, :, None] + projected[:, None])
        return masked_softmax(self.w_v(features).squeeze(-1), mask)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """queries [B, Q, ·], keys [B, K, ·], values [B, K, v], mask that spreads to [B, Q, K] → [B, Q, v]."""
        return self.weights(queries, self.W_k(keys), mask) @ values


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself; queries, keys and values come from one product."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        """[B, T, H] → [B, T, H]."""
        q, k, v = (_split(part, self.heads) for part in self.in_proj(x).chunk(3, -1))
        return self.out_proj(_join(attend(q, k, v)))


class CrossAttention(nn.Module):
    """Multi-head attention of a sequence to another, whose keys and values are computed once for all queries."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.kv_proj = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out_proj = nn.Linear(width, width)

    def remember(self, other: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, h, S, d] of the other sequence [B, S, H]."""
        keys, values = (_split(part, self.heads) for part in self.kv_proj(other).chunk(2, -1))
        return keys, values

    def forward(self, x: Tensor, remembered: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        """[N, T, H] → [N, T, H]; each k rows of the N = k·B look at the same other sequence."""
        beams = len(x) // len(remembered[0])
        found = attend(gathered(_split(self.q_proj(x), self.heads), beams), *remembered)
        return self.out_proj(_join(spread(found, beams)))


def gathered(rows: Tensor, beams: int) -> Tensor:
    """The queries of each k rows as if they were one row's: [k·B, h, T, d] → [B, h, k·T, d]."""
    if beams == 1:
        return rows
    n, h, t, d = rows.shape
    return rows.view(n // beams, beams, h, t, d).transpose(1, 2).reshape(n // beams, h, beams * t, d)


def spread(groups: Tensor, beams: int) -> Tensor:
    """Undo `gathered`: [B, h, k·T, d] → [k·B, h, T, d]."""
    if beams == 1:
        return groups
    b, h, t, d = groups.shape
    return groups.view(b, h, beams, t // beams, d).transpose(1, 2).reshape(b * beams, h, t // beams, d)


def _split(x: Tensor, heads: int) -> Tensor:
    """[B, T, H] → [B, h, T, d]."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _join(x: Tensor) -> Tensor:
    """[B, h, T, d] → [B, T, H]."""
    return x.transpose(1, 2).flatten(2)
