"""Kernel regression as attention (Nadaraya 1964, Watson 1964; Dive into Deep Learning, section 11.2).

f(x) = Σᵢ softmaxᵢ(−½ Σ_j ((x_j − xᵢⱼ)/σ_j)²) yᵢ

The training part is the memory: its rows xᵢ are the keys, its numbers yᵢ the values, and what is asked about is the
query. Only the widths σ are learnt, and for that no row may attend to itself.

Shapes: N queries, M rows of the memory, D features; inputs [N, D] → [N].
"""

from __future__ import annotations

import math
from functools import partial
from itertools import repeat

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

BLOCK = 1 << 22  # weights that are held at once
FAR = 1e6  # a feature further from the mean than so many deviations counts as this far: its square stays finite
WIDE = 1e30  # of a kernel so wide every weight is 1/M to the last bit


class GaussianKernel(nn.Module):
    """Queries and keys → the logarithms of their weights, before the softmax. Widths are kept as logarithms, and are
    one for each feature or one for all."""

    def __init__(self, widths: int, width: float, learned: bool) -> None:
        super().__init__()
        self.log_width = nn.Parameter(torch.full((widths,), math.log(width)), requires_grad=learned)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """[N, D] and [M, D] → q·k − ½‖k‖² [N, M], all measured in widths.

        −½‖q − k‖² has −½‖q‖² besides, which is the same for all keys: the softmax takes it off again, and for a query
        far away the differences would be lost in it.
        """
        narrow = torch.exp(-self.log_width)
        q, k = queries * narrow, keys * narrow
        return torch.addmm(-0.5 * k.square().sum(1), q, k.T)


class NadarayaWatson(nn.Module):
    """A memory of rows, and a kernel that says how much each of them counts. The memory is saved with the weights."""

    heads = ("kernel",)
    keys: Tensor
    values: Tensor

    def __init__(self, features: int, kernel: GaussianKernel) -> None:
        super().__init__()
        self.kernel = kernel
        self.register_buffer("keys", torch.zeros(0, features))
        self.register_buffer("values", torch.zeros(0))
        self.register_load_state_dict_pre_hook(_make_room)

    def remember(self, inputs: Tensor, targets: Tensor) -> None:
        """Make rows [M, D] with their numbers [M] the memory. Raises ValueError for fewer than two: leaving one out,
        nothing would be left to answer from."""
        if len(targets) < 2:
            raise ValueError(f"kernel regression needs two rows or more to answer from, not {len(targets)}")
        self.keys, self.values = inputs.flatten(1), targets

    def forward(self, x: Tensor, own: Tensor | None = None) -> Tensor:
        """[N, D] → [N]. `own`, int64 [N], is the row of the memory that each query is itself: it gets no weight."""
        x = x.flatten(1)
        rows = max(1, BLOCK // max(1, len(self.keys)))
        blocks = list(zip(x.split(rows), repeat(None) if own is None else own.split(rows), strict=False))
        answer = self._answer
        if len(blocks) > 1 and torch.is_grad_enabled():  # weights are computed again for the gradient, not kept
            answer = partial(checkpoint, answer, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([answer(*block) for block in blocks])

    def attention(self, x: Tensor, own: Tensor | None = None) -> Tensor:
        """The weight of each row of the memory for each query, [N, D] → [N, M]; a query's weights sum to 1."""
        with torch.autocast(x.device.type, enabled=False):  # squares of distances need more digits than bfloat16 has
            scores = self.kernel(x.flatten(1).clamp(-FAR, FAR), self.keys)
            if own is not None:
                scores.scatter_(1, own[:, None], -math.inf)
            return scores.softmax(1)

    def _answer(self, x: Tensor, own: Tensor | None) -> Tensor:
        weights = self.attention(x, own)
        with torch.autocast(x.device.type, enabled=False):
            return weights @ self.values


def _make_room(model: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """As many rows as a file of weights brings, before torch compares shapes."""
    assert isinstance(model, NadarayaWatson)
    if (values := state.get(f"{prefix}values")) is not None:
        model.keys = model.keys.new_empty(len(values), model.keys.shape[1])
        model.values = model.values.new_empty(len(values))


def nadaraya_watson(
    outputs: int = 1,
    shape: tuple[int, ...] = (1,),
    *,
    kernel: str = "learned",
    width: float = 1.0,
    per_feature: bool = True,
) -> NadarayaWatson:
    """A kernel regression on inputs of `shape`, its memory still empty. Raises ValueError for more than one output.

    Args:
        kernel: "learned", its width learnt from `width` on; "fixed", of just this width; "average", infinitely wide.
        width: σ, in the units of the inputs; per_feature: each feature has a width of its own.
    """
    if outputs != 1:
        raise ValueError(f"kernel regression predicts one number, not {outputs}")
    features = math.prod(shape)
    begin = WIDE if kernel == "average" else width
    return NadarayaWatson(features, GaussianKernel(features if per_feature else 1, begin, kernel == "learned"))
