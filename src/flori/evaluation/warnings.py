"""What a run should warn of while it trains, from what looks at its gradients and its losses show."""

from __future__ import annotations

import math

from torch import nn

from flori.evaluation.findings import DEAD, DIVERGED, SHRUNK, Finding, and_others
from flori.training.glances import Glanced
from flori.training.watching import matrices

LOST = 1e-7  # a gradient as a share of the largest: nothing is left of it


def warn(seen: Glanced) -> list[Finding]:
    """What is wrong with the gradients; [] if nothing is, or if none is left to judge by."""
    hidden = [name for name in seen.alike if name not in seen.heads]
    if hidden:
        what = f"all units of {hidden[0]} have the same weights, and stay the same"
        return [Finding("zero-start", hidden[0], f"{what}.", "Begin from random weights.")]
    largest = max(seen.gradients.values(), default=0.0)
    if not math.isfinite(largest) or largest == 0:
        return []
    shares = {name: norm / largest for name, norm in seen.gradients.items()}
    if 0 < min((share for share in shares.values() if share), default=1.0) < LOST:
        return [_vanishing(shares)]
    return _dead(seen)


def _vanishing(shares: dict[str, float]) -> Finding:
    where = next(name for name, share in reversed(shares.items()) if share < SHRUNK)
    least = min(shares.values())
    what = f"gradients vanish: they fall from {where} on, to {least:.1g} of the largest"
    return Finding("vanishing-gradients", where, f"{what}.", "Another activation, norms or fewer layers help.")


def _dead(seen: Glanced) -> list[Finding]:
    name = next((name for name, share in seen.idle.items() if share >= DEAD and name not in seen.heads), None)
    if name is None:
        return []
    what = f"{seen.idle[name]:.0%} of the units of {name} are dead at step {seen.step}: no gradient reaches them"
    return [Finding("dead-units", name, f"{what}.", "A lower lr, and biases that begin at zero, keep units alive.")]


def diverged(first: float, loss: float, step: int, lr: float) -> Finding | None:
    """Whether the loss has gone far above where it began."""
    if not loss > DIVERGED * first:
        return None
    what = f"the loss is {loss:.3g} at step {step}, and was {first:.3g} at first: the learning rate is too high"
    return Finding(
        "learning-rate-high", None, f"{what}.", f"A lower one (lr={lr / 10:g}) or training.warmup=0.1 helps."
    )


def never_learning(model: nn.Module) -> list[Finding]:
    """Layers that are frozen though they begin at random."""
    still = [name for name, of in matrices(model).items() if not any(p.requires_grad for p in of.values())]
    if not still:
        return []
    what = f"{still[0]} is frozen at its random initial weights{and_others(still)}"
    return [Finding("frozen", still[0], f"{what}.", "init= gives weights that are worth keeping.")]
