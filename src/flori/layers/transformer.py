"""The Transformer's layers: encoder's, decoder's, and stacks of them (Vaswani et al. 2017).

Names are those of torch.nn.TransformerEncoderLayer and TransformerDecoderLayer; only the projections of attention are
layers here (`in_proj.weight`) and not parameters (`in_proj_weight`). Dropout is the paper's, on what each sublayer
adds: none on attention weights, which the fused kernel never shows, nor within the feed-forward network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flori.layers.attention import Attend, CrossAttention, SelfAttention
from flori.layers.dropout import Dropout

Sublayer = Callable[[Tensor], Tensor]
Remembered = tuple[Tensor, Tensor]


def squared_relu(x: Tensor) -> Tensor:
    """max(x, 0)² (So et al. 2021)."""
    return _SquaredRelu.apply(x)


class _SquaredRelu(torch.autograd.Function):
    """Its slope 2·max(x, 0) is made in place: a product's would be made twice and added."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.relu().square_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return ctx.saved_tensors[0].relu().mul_(slopes[0]).mul_(2)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        return ctx.saved_tensors[0].relu().mul(tangents[0]).mul(2)


ACTIVATIONS: dict[str, Sublayer] = {"relu": F.relu, "gelu": F.gelu, "relu2": squared_relu}


@dataclass(frozen=True)
class Shape:
    """What all layers of a network have in common: H numbers a token, heads, hidden units; and how they are made up.

    Raises ValueError where width is no multiple of heads, or for a norm or activation that is unknown.
    """

    width: int
    heads: int
    hidden: int
    dropout: float = 0.0
    norm: str = "pre"
    activation: str = "relu"

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is no multiple of heads={self.heads}")
        if self.norm not in ("pre", "post"):
            raise ValueError(f"norm={self.norm}: must be pre or post")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation={self.activation}: must be one of {', '.join(ACTIVATIONS)}")


class Layer(nn.Module):
    """Attention to the sequence itself, to another one if `cross`, and a network for each place.

    With norm="pre" x + f(norm(x)) for each of these, with "post" norm(x + f(x)).
    """

    forwards = ("remember",)

    def __init__(self, shape: Shape, cross: bool = False) -> None:
        super().__init__()
        width = shape.width
        self.self_attn = SelfAttention(width, shape.heads)
        self.multihead_attn = CrossAttention(width, shape.heads) if cross else None
        self.linear1, self.linear2 = nn.Linear(width, shape.hidden), nn.Linear(shape.hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width) if cross else None
        self.dropout = Dropout(shape.dropout)
        self.activation, self.pre = ACTIVATIONS[shape.activation], shape.norm == "pre"

    def forward(
        self, x: Tensor, attend: Attend, remembered: Remembered | None = None, look: Attend | None = None
    ) -> Tensor:
        """[B, T, H] → [B, T, H]; `remembered`: the other sequence's keys and values, `look`: how to attend to them."""
        x = self._added(x, self.norm1, lambda h: self.self_attn(h, attend))
        if self.multihead_attn is None or self.norm3 is None:
            return self._added(x, self.norm2, self._feed_forward)
        cross = self.multihead_attn
        x = self._added(x, self.norm2, lambda h: cross(h, remembered, look))
        return self._added(x, self.norm3, self._feed_forward)

    def remember(self, other: Tensor) -> Remembered:
        """Keys and values of the other sequence [B, S, H]."""
        assert self.multihead_attn is not None
        return self.multihead_attn.remember(other)

    def _added(self, x: Tensor, norm: nn.Module, sublayer: Sublayer) -> Tensor:
        if self.pre:
            return x + self.dropout(sublayer(norm(x)))
        return norm(x + self.dropout(sublayer(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.activation(self.linear1(x)))


class Stack(nn.Module):
    """Layers one after the other, and a last norm."""

    def __init__(self, layers: int, shape: Shape, cross: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(shape, cross) for _ in range(layers))
        self.norm = nn.LayerNorm(shape.width)
        _initialise(self, shape.norm == "pre")

    def remember(self, other: Tensor) -> list[Remembered]:
        """Keys and values of another sequence [B, S, H] for each layer that will look at it."""
        return [cast(Layer, layer).remember(other) for layer in self.layers]

    def forward(
        self, x: Tensor, attend: Attend, remembered: Sequence[Remembered] = (), look: Attend | None = None
    ) -> Tensor:
        """[B, T, H] → [B, T, H]; the arguments are those of a layer, `remembered` one for each."""
        for number, layer in enumerate(self.layers):
            x = layer(x, attend, remembered[number] if remembered else None, look)
        return self.norm(x)


SPLITS = {"self_attn": "heads", "multihead_attn": "heads", "linear1": "columns", "linear2": "rows"}
"""How a layer can be divided over workers: attention by heads, its network by hidden units."""


def splits(**stacks: Stack) -> dict[str, str]:
    """How the layers of stacks can be divided over workers, by the names that the stacks have in their network."""
    return {
        f"{name}.layers.{number}.{part}": kind
        for name, stack in stacks.items()
        for number, layer in enumerate(stack.layers)
        for part, kind in SPLITS.items()
        if getattr(layer, part) is not None
    }


def _initialise(stack: Stack, pre: bool) -> None:
    """Xavier's weights and biases of zero, as torch.nn.Transformer has them. With the norm before, what the sublayers
    add is scaled down by the root of their number: the sum stays as large as the input (Radford et al. 2019)."""
    outputs = [name for name, _ in stack.named_modules() if name.endswith(("out_proj", "linear2"))]
    for name, layer in stack.named_modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain=len(outputs) ** -0.5 if pre and name in outputs else 1.0)
            nn.init.zeros_(layer.bias)
