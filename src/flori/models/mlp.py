"""Multilayer perceptron: h = σ(W₁x + b₁), …, o = W_L h + b_L (Dive into Deep Learning, chapter 5).

Shapes: inputs [N, …] are flattened to [N, D] → [N, K] for K classes, [N] for a regression (one output).
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from flori.layers.activations import ACTIVATIONS, initialise
from flori.layers.pairs import pairs
from flori.layers.sections import Section, sections


class MLP(nn.Module):
    """Linear layers with an activation, and dropout if wanted, after each but the last."""

    def __init__(self, widths: tuple[int, ...], activation: str, dropout: float, rule: str, gain: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide, next_wide in pairwise(widths[:-1]):
            layers += [nn.Linear(wide, next_wide), ACTIVATIONS[activation]()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))
        self.heads = (f"layers.{len(layers)}",)
        self.splits = pairs("layers", self.layers)
        initialise(self, activation, rule, gain)

    def forward(self, x: Tensor) -> Tensor:
        """[N, …] → [N, K], or [N] for one output."""
        return _numbers(self.layers(x.flatten(1)))

    def sections(self) -> list[Section]:
        """Each of the linear layers, with what follows it."""
        flat, out = Section((), lambda x: x.flatten(1)), Section((), _numbers)
        return [flat, *sections("layers", self.layers), out]


def _numbers(out: Tensor) -> Tensor:
    return out.squeeze(1) if out.shape[1] == 1 else out


def mlp(
    outputs: int = 10,
    shape: tuple[int, ...] = (1, 28, 28),
    *,
    hidden: tuple[int, ...] = (256,),
    layers: int | None = None,
    activation: str = "relu",
    dropout: float = 0.0,
    initialisation: str = "auto",
    gain: float = 1.0,
) -> MLP:
    """A perceptron with hidden layers of the given widths; no hidden layer makes it linear.

    `layers`: how many hidden layers, the last width repeated; None: those given. `initialisation`: a rule of
    `flori.layers.activations.RULES`, or auto; the initial weights are multiplied by `gain`. Raises ValueError for fewer
    layers than widths.
    """
    more = 0 if layers is None else layers - len(hidden)
    if more < 0 or (more and not hidden):
        raise ValueError(f"model.layers={layers} hidden layers, but model.hidden gives {len(hidden)} widths")
    widths = (*hidden, *hidden[-1:] * more)
    return MLP((math.prod(shape), *widths, outputs), activation, dropout, initialisation, gain)
