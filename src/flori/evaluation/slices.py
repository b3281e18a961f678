"""The loss around a network's weights (Li et al. 2018, "Visualizing the loss landscape of neural nets", section 4).

Weights times two random directions of normal numbers would show a sharp valley where weights are small, and a flat one
where they are large, of the very same function. So each filter of a direction (the weights into one output) is made as
long as the network's own filter: d ← d‖w‖/‖d‖. Biases and norms stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from flori.core import seeds

Direction = dict[str, Tensor]
"""By the name of a parameter, a shift of its shape."""


def direction(model: nn.Module, seed: int, number: int) -> Direction:
    """The `number`-th random direction of a network, filter by filter as long as its weights.

    Raises ValueError for a network without weights of two dimensions or more.
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.dim() > 1}
    if not weights:
        raise ValueError("the network has no weights to move")
    draw, found = seeds.generator(seed, "slice", number), {}
    for name, w in weights.items():
        random = torch.randn(w.shape, generator=draw, dtype=torch.float64).flatten(1)
        lengths = w.double().cpu().flatten(1).norm(dim=1, keepdim=True)
        scaled = random * (lengths / random.norm(dim=1, keepdim=True))
        found[name] = scaled.view(w.shape).to(w)
    return found


@contextmanager
def moved(model: nn.Module, directions: Sequence[Direction]) -> Iterator[Callable[[Sequence[float]], None]]:
    """A function that sets the weights to w + Σ shift·direction; afterwards they are put back, bit for bit."""
    weights = {name: p for name, p in model.named_parameters() if name in directions[0]}
    before = {name: p.detach().clone() for name, p in weights.items()}

    @torch.no_grad()
    def move(shifts: Sequence[float]) -> None:
        for name, p in weights.items():
            p.copy_(before[name])
            for shift, towards in zip(shifts, directions, strict=True):
                p.add_(towards[name], alpha=shift)

    try:
        yield move
    finally:
        move([0.0] * len(directions))


def losses(
    model: nn.Module,
    loss: Callable[[], Tensor],
    directions: Sequence[Direction],
    places: Sequence[Sequence[float]],
) -> Iterator[float]:
    """The loss at each place: a shift along each of the directions. The network is in evaluation mode meanwhile."""
    was = model.training
    model.eval()
    try:
        with moved(model, directions) as move, torch.inference_mode(False), torch.no_grad():
            for place in places:
                move(place)
                yield float(loss())
    finally:
        model.train(was)
