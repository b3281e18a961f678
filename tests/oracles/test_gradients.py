"""Every system's gradient against finite differences, in float64."""

import pytest
import torch
from tests.oracles.systems import CASES, SMALL, of_text, small

from flori import models
from flori.recipes.catalogue import ALL

DIRECTIONS, STEP = 3, 1e-11  # so small that hardly a ReLU turns on or off between the two ends


def test_every_system_has_a_case():
    kinds = {recipe.system for recipe in ALL if of_text(recipe.system)}
    assert CASES.keys() | kinds == models.BUILDERS.keys()
    assert kinds - SMALL.keys() == {"ngram"} and not list(small("ngram")[0].parameters())  # it counts


@pytest.mark.parametrize("system", [system for system in models.BUILDERS if system != "ngram"])
def test_gradient_equals_finite_differences(system):
    """Along random directions in the space of inputs, where they are no tokens, and weights together."""
    model, given = small(system)
    floats = [t for t in given if t.is_floating_point()]
    places = [*floats, *(p.detach() for p in model.parameters())]

    def value(t, direction):
        moved = [place + t * way for place, way in zip(places, direction, strict=True)]
        names = [name for name, _ in model.named_parameters()]
        held = dict(zip(names, moved[len(floats) :], strict=True))
        found = torch.func.functional_call(model, held, (*moved[: len(floats)], *given[len(floats) :]))
        found = (found,) if isinstance(found, torch.Tensor) else found
        found = [one for one in found if isinstance(one, torch.Tensor)]  # a language model puts out a memory too
        return sum((one.tanh() * torch.arange(1.0, 1 + one.numel()).view_as(one)).sum() for one in found)

    slopes = []
    for _ in range(DIRECTIONS):
        direction = [torch.randn_like(place) for place in places]
        t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(value(t, direction), t)
        with torch.no_grad():
            numeric = (value(STEP, direction) - value(-STEP, direction)) / (2 * STEP)
        assert float(slope) == pytest.approx(float(numeric), rel=1e-4, abs=2e-2)
        slopes.append(abs(float(slope)))
    assert max(slopes) > 0.1  # far above what is allowed for rounding
