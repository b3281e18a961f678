"""What is wrong with how a network learns, as its first steps show."""

from __future__ import annotations

import math

from flori.evaluation.findings import DIVERGED, Finding, dead_units
from flori.training.health import CONVINCED, Examination
from flori.training.relation import together

STILL = 1e-3  # all that the weights would move in a whole run, as a share of them


def too_fast(found: Examination) -> Finding | None:
    """Steps that overshoot: the loss is far above where it began."""
    losses = found.losses
    if not losses or not math.isfinite(losses[0]):
        return None
    # Weights from elsewhere may begin with hardly any loss, and lose what they knew for a while.
    bound = DIVERGED * max(losses[0], 1.0 if any(layer.loaded for layer in found.start) else 0.0)
    step = next((i for i, loss in enumerate(losses, 1) if not loss <= bound), None)
    if step is None:
        return None
    moved = max((layer.update for layer in found.end if layer.update is not None), default=0.0)
    return Finding(
        "learning-rate-high",
        None,
        f"The learning rate is too high: the loss went from {losses[0]:.3g} to {losses[step - 1]:.3g} by step {step}, "
        f"and a step changes weights by up to {moved:.0%} of their size, where a few per cent are much.",
        "Lower lr (by ten times until the loss falls), and let it rise slowly (training.warmup=0.1).",
    )


def no_number(found: Examination) -> Finding | None:
    """A loss that is no number though all outputs are."""
    if not found.losses or math.isfinite(found.losses[0]):
        return None
    return Finding(
        "no-number",
        None,
        f"The loss is {found.losses[0]} at the first step, of outputs that are all finite.",
        "Look at the targets, and at logarithms and quotients in the objective.",
    )


def too_slow(found: Examination) -> Finding | None:
    """Steps so small that a whole run would lead nowhere."""
    moved = [layer.update for layer in found.end if layer.update is not None]
    if not moved or max(moved) * found.steps >= STILL:
        return None
    return Finding(
        "learning-rate-low",
        None,
        f"The learning rate is too low: over all {found.steps:,} steps weights would move by "
        f"{max(moved) * found.steps:.1g} of their size at most.",
        "Raise lr.",
    )


def died(found: Examination) -> Finding | None:
    """Rectified units that were above zero at the start, and no more after a few steps."""
    return dead_units(found.end, f"after {len(found.losses)} steps")


def unrelated(found: Examination) -> Finding | None:
    """Targets that might as well have been dealt out at random."""
    after, before = found.held_out, found.at_start
    if after is None or min(after.p, together(after, before), before.p if before else 1.0) <= CONVINCED:
        return None
    also = f", and the first gradient (p = {before.p:.2f})" if before else ""
    when = "of the trained network" if found.trained else f"after {len(found.losses)} steps"
    return Finding(
        "labels",
        None,
        f"The labels seem to have nothing to do with the inputs: on {after.targets:,} targets held out the loss {when} "
        f"is {after.true:.4g}, and {after.dealt:.4g} with labels dealt out at random (p = {after.p:.2f}){also}.",
        "Look whether each label belongs to its input (shuffled, or of another row?); if all is right, more examples "
        "may show what so few do not.",
    )
