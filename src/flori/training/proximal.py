"""L1 penalties by proximal steps, which make weights exactly zero, and FISTA (Beck and Teboulle 2009).

A step of η down the slope of the loss is followed by w ← sign(w)·max(|w| − ηα, 0), the point nearest to w when α‖w‖₁
counts too (Goodfellow et al., section 7.1.2).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from flori.core.recipe import Training
from flori.data.examples import Part
from flori.training.sharding import local


def shrunk(weights: Tensor, threshold: float | Tensor) -> Tensor:
    """sign(w)·max(|w| − threshold, 0), of any shape."""
    return weights.sign() * (weights.abs() - threshold).clamp(min=0)


@torch.no_grad()
def shrink(optimizer: torch.optim.Optimizer) -> None:
    """The proximal step after one of sgd, on the groups that have an ``l1``, α.

    With momentum μ a lasting slope g moves weights by ηg/(1 − μ) a step, so the penalty must too: by ηα/(1 − μ).
    """
    for group in optimizer.param_groups:
        if group.get("l1"):
            threshold = group["lr"] * group["l1"] / (1 - group["momentum"])
            for p in map(local, group["params"]):
                p.copy_(shrunk(p, threshold))


class Fista(torch.optim.Optimizer):
    """Accelerated proximal descent on loss + α‖w‖₁ + ½λ‖w‖² of a whole training part.

    From iterates w it looks ahead to z = w + (t₋₁ − 1)/t·(w − w₋₁), where the gradient is to be taken, and steps to
    w₊ = shrunk(z − η∇ℓ(z), ηα)/(1 + ηλ). Momentum begins anew where it leads uphill (O'Donoghue and Candès 2015).

    Groups have ``l1`` α and ``weight_decay`` λ. It is settled where no weight moves by more than `tolerance` of the
    longest move so far.
    """

    def __init__(self, groups: list[dict[str, object]], lr: float, tolerance: float = 1e-12) -> None:
        super().__init__(groups, {"lr": lr, "l1": 0.0, "weight_decay": 0.0})
        self.tolerance, self.settled = tolerance, False

    @torch.no_grad()
    def look_ahead(self) -> None:
        """Move the weights from w to z. Call it before the gradient is taken."""
        for _, p in self._parameters():
            slots = self.state[p]
            if not slots:
                slots |= {"before": p.clone(), "at": p.clone(), "t": p.new_ones(()), "longest": p.new_zeros(())}
            t = slots["t"]
            grown = 0.5 * (1 + (1 + 4 * t * t).sqrt())
            slots["at"].copy_(p)
            p.add_(p - slots["before"], alpha=float((t - 1) / grown))
            slots["t"] = grown

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """From z, by the gradients there, to the next w."""
        uphill, moved, longest = 0.0, 0.0, 0.0
        for group, p in self._parameters():
            assert p.grad is not None
            slots, rate = self.state[p], group["lr"]
            target = shrunk(p - rate * p.grad, rate * group["l1"]) / (1 + rate * group["weight_decay"])
            uphill += float(((p - target) * (target - slots["at"])).sum())
            move = (p - target).abs().max()
            slots["longest"] = torch.maximum(slots["longest"], move)
            moved, longest = max(moved, float(move)), max(longest, float(slots["longest"]))
            slots["before"].copy_(slots["at"])
            p.copy_(target)
        if uphill > 0:
            for _, p in self._parameters():
                self.state[p]["t"].fill_(1.0)
        self.settled = moved <= self.tolerance * longest

    def _parameters(self) -> list[tuple[dict[str, float], nn.Parameter]]:
        return [(group, p) for group in self.param_groups for p in group["params"]]


def at_its_rate(options: Training, part: Part) -> Training:
    """The options with the rate for `Fista` on a training part, and nothing that would change it on the way."""
    assert isinstance(part.inputs, Tensor)
    rate = 1 / steepest(part.inputs)
    return replace(options, lr=rate, schedule="constant", warmup=0.0, clip=None, average=0.0, accumulate=1)


def steepest(inputs: Tensor) -> float:
    """The largest curvature of ½·mean (⟨w, x⟩ + b − y)² in w and b together, for inputs [N, D].

    The rate of `Fista` may be one over it; of Huber's loss, which is nowhere more curved, too.
    """
    x = torch.nn.functional.pad(inputs.flatten(1).double(), (0, 1), value=1.0)
    square = x.T @ x if x.shape[0] > x.shape[1] else x @ x.T
    return float(torch.linalg.eigvalsh(square)[-1]) / len(x)
