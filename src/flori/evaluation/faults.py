"""What is wrong with a network before it has learnt anything: inputs, initial weights, objective."""

from __future__ import annotations

import math

from flori.evaluation.findings import SATURATED, SHRUNK, VANISHED, Finding, and_others, dead_units, gradients, least
from flori.training.health import Examination, Layer

LARGE_INPUT, SMALL_INPUT = 10.0, 0.01  # the typical magnitude of a feature; standardised ones have about 1
EXPLODED = 30.0  # an output as a multiple of the inputs, before the first step
EXPLODED_TRAINED = 1e4  # the same of trained weights, which may be sure of themselves
GRADIENT_EXPLODED = 1e3  # the first layer's gradient as a multiple of the last's
SUMMED = 1.5  # the loss of a batch as a multiple of the mean of its halves'


def unscaled_inputs(found: Examination) -> Finding | None:
    """Inputs far from the size that initial weights are made for."""
    largest = max(found.inputs, default=1.0)
    if SMALL_INPUT <= largest <= LARGE_INPUT:
        return None
    which = f"feature {found.inputs.index(largest) + 1} of {len(found.inputs)}"
    return Finding(
        "unscaled-inputs",
        None,
        f"The inputs are not standardised: {which} is typically as large as {largest:.3g}, and initial weights and "
        "learning rates are made for about 1.",
        "Standardise each feature to mean 0 and deviation 1, with the numbers of the training part.",
    )


def symmetric(found: Examination) -> Finding | None:
    """Hidden layers whose units are all the same, and stay so."""
    alike = [a.name for a, b in zip(found.start, found.end, strict=True) if a.alike and b.alike and not _last(found, a)]
    if not alike or found.trained:
        return None
    return Finding(
        "zero-start",
        alike[0],
        f"{alike[0]} is made of units that all begin with the same weights{_zero(found, alike[0])}"
        f"{and_others(alike)}: they get the same gradient, and never come apart.",
        "Begin from random weights (model.initialisation=auto); zeros suit biases, and the last layer alone.",
    )


def frozen(found: Examination) -> Finding | None:
    """Layers that cannot learn, and never did."""
    steepest = max((layer.weight_gradient or 0.0 for layer in found.start), default=0.0)
    still = [
        a.name
        for a, b in zip(found.start, found.end, strict=True)
        if not a.loaded and (not a.learns or (b.update == 0 and (a.weight_gradient or 0.0) > VANISHED * steepest))
    ]
    if found.trained or not still or (len(still) == len(found.end) and all(layer.learns for layer in found.start)):
        return None
    numbers = sum(layer.parameters for layer in found.start if layer.name in still)
    return Finding(
        "frozen",
        still[0],
        f"{still[0]} is frozen at its random initial weights{and_others(still)}. {numbers:,} weights never learn.",
        "Leave freeze= out, give init= to begin from weights that are worth keeping, or hand the optimiser all "
        "parameters.",
    )


def summed(found: Examination) -> Finding | None:
    """A loss that grows with the batch."""
    if found.halves is None or found.halves < SUMMED:
        return None
    return Finding(
        "summed-loss",
        None,
        f"The loss is a sum over the batch, not a mean: of a whole batch it is {found.halves:.2f} times that of its "
        "halves, so gradients, and with them the step, grow with the batch.",
        "Divide the loss by the number of its targets.",
    )


def exploding(found: Examination) -> Finding | None:
    """Outputs that grow from layer to layer."""
    seen = [layer for layer in found.start if layer.spread is not None]
    if not seen:
        return None
    reference = _reference(found, seen)
    bound = EXPLODED_TRAINED if found.trained else EXPLODED
    worst = next((layer for layer in seen if not _size(layer) <= bound * reference), None)
    if worst is None:
        return None
    largest = max(seen, key=lambda layer: _size(layer) if math.isfinite(_size(layer)) else math.inf)
    return Finding(
        "exploding",
        worst.name,
        f"Activations explode: in {worst.name} they are {_times(_size(worst), reference)} as large as the inputs, "
        f"in {largest.name} {_times(_size(largest), reference)}.",
        "Begin with smaller weights (He for relu, Xavier for tanh and sigmoid: model.gain=1), or put a norm after each "
        "layer.",
    )


def dead(found: Examination) -> Finding | None:
    """Rectified units that are never above zero, from the start."""
    return dead_units(found.start, "at the start")


def saturated(found: Examination) -> Finding | None:
    """Sigmoid or tanh units at their bounds, where they are flat."""
    layer = max(found.start, key=lambda layer: layer.saturated or 0.0)
    if found.trained or (layer.saturated or 0.0) < SATURATED:
        return None
    first = next(one for one in found.start if (one.saturated or 0.0) >= SATURATED)
    begins = "" if first is layer else f"; it begins in {first.name}"
    return Finding(
        "saturated",
        first.name,
        f"Units saturate: {layer.saturated or 0:.0%} of the outputs of {layer.name} lie at the bounds of their "
        f"activation, where it is flat and passes no gradient on{begins}.",
        "Begin with smaller weights (Xavier: model.initialisation=xavier-uniform model.gain=1), or standardise the "
        "inputs.",
    )


def vanishing(found: Examination) -> Finding | None:
    """Gradients that get lost on the way from the last layer to the first. Where none at all passes at first, as below
    a last layer of zeros, that is no fault: see `vanishing_later`."""
    return None if least(gradients(found.start)) == 0 else vanishing_later(found)


def vanishing_later(found: Examination) -> Finding | None:
    """As `vanishing`, of networks that pass no gradient at first."""
    before, after = (gradients(layers) for layers in (found.start, found.end))
    if least(before) >= VANISHED or least(after) >= VANISHED or len(after) < 2:
        return None
    chosen = before if max(before.values()) > 0 else after
    largest = max(chosen.values()) or 1.0
    shares = {name: norm / largest for name, norm in chosen.items()}
    where = next(name for name, share in reversed(shares.items()) if share < SHRUNK)
    first = next(iter(shares))
    place = [*shares].index(where) + 1
    return Finding(
        "vanishing-gradients",
        where,
        f"Gradients vanish: at {where}, layer {place} of {len(shares)}, they are down to {shares[where]:.1g} of the "
        f"largest, and {shares[first]:.1g} of it reaches {first}.",
        "Use relu in place of sigmoid or tanh (model.activation=relu, with He's initial weights), fewer layers, "
        "shortcuts around them, or a norm after each.",
    )


def exploding_gradients(found: Examination) -> Finding | None:
    """Gradients that grow on the way from the last layer to the first."""
    norms = gradients(found.start)
    if len(norms) < 2 or not all(map(math.isfinite, norms.values())):
        return None
    (first, at_first), (last, at_last) = next(iter(norms.items())), [*norms.items()][-1]
    if at_last == 0 or at_first <= GRADIENT_EXPLODED * at_last:
        return None
    where = next(name for name, norm in reversed(norms.items()) if norm > GRADIENT_EXPLODED / 10 * at_last)
    return Finding(
        "exploding-gradients",
        where,
        f"Gradients explode: in {where} they are {norms[where] / at_last:.2g} times those of {last}, in {first} "
        f"{at_first / at_last:.2g} times.",
        "Begin with smaller weights (model.gain=1), put a norm after each layer, or clip gradients (training.clip=1).",
    )


def _last(found: Examination, layer: Layer) -> bool:
    return layer.head or layer.name == found.start[-1].name


def _zero(found: Examination, name: str) -> str:
    return " (zero)" if next(layer.weight for layer in found.start if layer.name == name) == 0 else ""


def _size(layer: Layer) -> float:
    assert layer.spread is not None
    return layer.spread


def _reference(found: Examination, seen: list[Layer]) -> float:
    """The size that outputs are compared with: of the inputs, or of the first embedding."""
    if found.inputs:
        return math.sqrt(sum(size * size for size in found.inputs) / len(found.inputs)) or 1.0
    return next((_size(layer) for layer in seen if layer.spread), 1.0)


def _times(size: float, reference: float) -> str:
    return f"{size / reference:.2g} times" if math.isfinite(size) else "infinitely"
