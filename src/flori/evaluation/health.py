"""What is wrong with a network, from what was measured of it: each fault with its layer, what was seen, what to change.

Faults are looked for in the order in which one leads to another. What the inputs, the initial weights or the objective
do wrong shows before the first step, and a network that is ill then is not judged by how it learns.

The bounds are orders of magnitude, chosen so that every system of the catalogue with its own recipe is far within them
and each of the broken networks of tests/runs/test_health.py far beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flori.evaluation import faults
from flori.evaluation import learning_faults as learning
from flori.evaluation.findings import Finding
from flori.training.health import Examination

AT_FIRST: tuple[Callable[[Examination], Finding | None], ...] = (
    *(faults.unscaled_inputs, faults.symmetric, faults.frozen, faults.summed, faults.exploding, faults.dead),
    *(faults.saturated, faults.vanishing, faults.exploding_gradients),
)
AFTER_STEPS = (
    *(learning.no_number, learning.too_fast, learning.too_slow, faults.vanishing_later),
    *(learning.died, learning.unrelated),
)
FOLLOWS_FROM = {
    "exploding": {"unscaled-inputs", "zero-start"},
    "dead-units": {"zero-start", "unscaled-inputs"},
    "saturated": {"unscaled-inputs", "exploding"},
    "vanishing-gradients": {"zero-start", "dead-units", "saturated", "exploding", "unscaled-inputs"},
    "exploding-gradients": {"exploding", "saturated", "unscaled-inputs"},
}
"""What is not told where one of its causes is there."""


def diagnose(found: Examination) -> list[Finding]:
    """All that is wrong, causes before what follows from them; [] for a healthy network."""
    at_first = [one for look in AT_FIRST if (one := look(found)) is not None]
    names = {one.name for one in at_first}
    kept = [one for one in at_first if not names & FOLLOWS_FROM.get(one.name, set())]
    if kept or found.trained:
        return kept or [one for one in (learning.unrelated(found),) if one is not None]
    return next(([one] for look in AFTER_STEPS if (one := look(found)) is not None), [])


def sentences(findings: list[Finding]) -> Iterator[str]:
    """The diagnosis as text, a paragraph a finding."""
    if not findings:
        yield "Healthy: activations and gradients keep their size, units are alive, and steps are of a sensible size."
    yield from map(str, findings)
