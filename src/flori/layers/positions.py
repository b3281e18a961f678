"""Where in its sequence a token stands: sinusoids or learned vectors that are added, or rotations of queries and keys.

Sinusoids are those of Vaswani et al. 2017, rotations those of Su et al. 2021. Numbers are computed in float64 when they
are needed: no table limits a sequence's length.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from flori.core.errors import UserError
from flori.layers.attention import Attend


def angles(start: int, length: int, width: int) -> Tensor:
    """i / 10000^(2j/width) for places i from `start` on: float64 [length, ⌈width/2⌉]."""
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.arange(start, start + length, dtype=torch.float64)[:, None] * frequencies


def sinusoids(start: int, length: int, width: int) -> Tensor:
    """Sines of `angles` in even columns, cosines in odd ones: float64 [length, width]; any width."""
    turned = angles(start, length, width)
    return torch.stack((turned.sin(), turned.cos()), -1).flatten(1)[:, :width]


class Sinusoidal(nn.Module):
    """Adds sinusoids."""

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, T, H] of places from `start` on → [B, T, H]."""
        return x + sinusoids(start, *x.shape[1:]).to(x)


class Learned(nn.Module):
    """Adds a learned vector for each of the first `longest` places."""

    def __init__(self, longest: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(longest, width) * width**-0.5)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, T, H] of places from `start` on → [B, T, H]. Raises UserError beyond the last place that was learned."""
        stop, longest = start + x.shape[1], len(self.weight)
        if stop > longest:
            raise UserError(f"a sequence of {stop} tokens, but positions were learned for {longest}")
        return x + self.weight[start:stop]


class Rotary(nn.Module):
    """Adds nothing: places show in `turning`."""

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """[B, T, H] → the same."""
        return x


def positions(kind: str, longest: int, width: int) -> nn.Module:
    """A module (x, start) → x with its places shown: sinusoidal, learned or rotary. Raises ValueError for others."""
    match kind:
        case "sinusoidal":
            return Sinusoidal()
        case "learned":
            return Learned(longest, width)
        case "rotary":
            return Rotary()
    raise ValueError(f"positions={kind}: must be sinusoidal, learned or rotary")


def turning(attend: Attend, start: int, length: int, width: int) -> Attend:
    """Attention of which queries and keys of `width` numbers are turned by the angles of their places, from `start` on.

    The product of two depends then on how far apart they stand. Raises ValueError for an odd width.
    """
    cos, sin = rotations(start, length, width)

    def attend_turned(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        nonlocal cos, sin
        cos, sin = cos.to(queries), sin.to(queries)  # work in the first layer only
        return attend(rotated(queries, cos, sin), rotated(keys, cos, sin), values)

    return attend_turned


def rotations(start: int, length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of `angles` as `rotated` wants them: float64 [length, width] each, the first half of the sines
    with a minus. Raises ValueError for an odd width."""
    if width % 2:
        raise ValueError(f"rotary positions need heads of even width, not {width}")
    turned = angles(start, length, width)
    cos, sin = turned.cos(), turned.sin()
    return torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Numbers j and j + d/2 of x [..., T, d], as a pair, turned by angle j of their place."""
    return _Rotation.apply(x, cos, sin)


class _Rotation(torch.autograd.Function):
    """Each half is added to the other in place: nothing is rolled. Its gradient is turned the other way."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        half, turned = x.shape[-1] // 2, x * cos
        turned[..., :half].addcmul_(x[..., half:], sin[..., :half])
        turned[..., half:].addcmul_(x[..., :half], sin[..., half:])
        return turned

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return rotated(slopes[0], cos, -sin), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        cos, sin = ctx.saved_tensors
        return rotated(tangents[0], cos, sin)
