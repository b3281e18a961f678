"""What the mistakes of a perceptron say of its training part: whether planes part the classes, and how widely.

With all ‖x‖ ≤ r and margin ρ = min (o_y − o_j)/(√2·‖(W, b)‖), j the strongest other class, there are at most
(r² + 1)/ρ² mistakes from zero weights on (Novikoff 1962, Duda and Hart 1973). Of two classes, r and ρ are those of
Rosenblatt's ⟨w, x⟩ + b. The proof also holds the other way round: after M mistakes no weights have a margin above
‖(W, b)‖/(√2·M), and if the mistakes cancel out, none part the classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NOTHING = 1e-12  # of the radius: a margin that is rounding


def separability(notes: Mapping[str, float], length: float, settled: bool) -> dict[str, Any]:
    """`separable` (false: not in the passes that were made), `mistakes`, `radius`; where separable `margin` and
    `bound`, else `margin_at_most`.

    Args:
        notes: as `flori.training.perceptron` keeps them, from zero weights on; length: ‖(W, b)‖.
    """
    mistakes, radius = int(notes["mistakes"]), notes["radius"]
    found = {"separable": settled, "mistakes": mistakes, "radius": radius}
    if not settled:
        return {**found, "margin_at_most": length / (math.sqrt(2) * mistakes) if mistakes else math.inf}
    margin = notes["least_gap"] / (math.sqrt(2) * length)
    return {**found, "margin": margin, "bound": (radius**2 + 1) / margin**2}


def sentence(found: Mapping[str, Any], passes: float) -> str:
    """The same for people."""
    mistakes = f"{found['mistakes']:,} mistakes in {passes:g} passes"
    if found["separable"]:
        bound = f"radius {found['radius']:.4g} and margin {found['margin']:.4g} allow {found['bound']:,.0f}"
        return f"separable: all training examples are right after {mistakes}; {bound}"
    if found["margin_at_most"] <= NOTHING * found["radius"]:
        return f"not separable: {mistakes}, which cancel out, so no plane parts the classes"
    narrow = f"if planes part the classes at all, it is by a margin of at most {found['margin_at_most']:.2g}"
    return f"not separable so far: {mistakes}; {narrow}"
