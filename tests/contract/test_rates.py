"""flori inspect NAME --rates: the learning-rate range test."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from torch.nn.functional import cross_entropy

from flori.core.overrides import apply
from flori.recipes.assembly import assemble
from flori.recipes.catalogue import find
from flori.recipes.rate_test import HIGHEST, LOWEST, STEPS, TIMED, advice, rising, smooth
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command

PLAIN = ("model.hidden=7", "batch=64", "device=cpu", "precision=float32")


def curve(steepest: float, turn: float):
    """Losses that fall from 2 around one rate and rise again from another."""
    rates = [LOWEST * (HIGHEST / LOWEST) ** (i / (STEPS - 1)) for i in range(STEPS)]
    return rates, [2 / (1 + (rate / steepest) ** 2) + 0.1 + 3 * max(0, rate - turn) / turn for rate in rates]


def test_advice_reads_a_curve():
    found = advice(*curve(1e-3, 0.3))
    assert found["steepest"] == pytest.approx(1e-3, rel=0.3)
    assert 0.01 < found["lowest"] < 0.4
    assert found["diverges"] == pytest.approx(0.32, rel=0.2)
    assert found["third"] == found["diverges"] / 3 and found["tenth"] == found["diverges"] / 10


def test_a_loss_that_is_no_number_diverges_there():
    rates, losses = curve(1e-3, 1e9)
    found = advice(rates[:101], [*losses[:100], float("nan")])
    assert found["diverges"] == rates[100]


def test_a_loss_that_never_rises_has_a_lowest_and_one_that_never_falls_nothing():
    rates, losses = curve(1e-3, 1e9)
    assert advice(rates, losses)["diverges"] is None and advice(rates, losses)["lowest"] == rates[-1]
    assert set(advice(rates, [2.0] * STEPS).values()) == {None}
    assert set(advice(rates[:1], [float("inf")]).values()) == {None} == set(advice([], []).values())


def test_smoothing_keeps_lines_and_puts_nothing_off():
    assert smooth([3.0] * 11) == pytest.approx([3.0] * 11)
    bump = smooth([0.0] * 10 + [1.0] + [0.0] * 10)
    assert bump.index(max(bump)) == 10 and bump == pytest.approx(bump[::-1])


def test_rates_rise_by_one_factor_and_steps_are_those_of_training():
    """At the lowest rate the loss is still that of the network as it begins, for the batch whose turn it is."""
    recipe = apply(find("mlp"), [*PLAIN, "optimizer=sgd", "training.weight_decay=0"])
    pairs = list(rising(recipe, seconds=1e9))
    factors = [b / a for (a, _), (b, _) in pairwise(pairs)]
    assert factors == pytest.approx([factors[0]] * len(factors)) and pairs[0][0] == pytest.approx(LOWEST)
    begun = assemble(recipe)
    batch = next(iter(begun.batches.epoch(0, TIMED)))
    logits = begun.state.model(batch.inputs).detach()
    assert pairs[0][1] == pytest.approx(float(cross_entropy(logits, batch.targets)), abs=1e-3)
    assert min(loss for _, loss in pairs) < pairs[0][1] / 2


def test_the_command_draws_and_suggests_and_writes_nothing_else():
    result = command("inspect", "mlp", *PLAIN, "--rates", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["lr"] == 3e-3 and len(found["rates"]) == len(found["losses"])
    assert found["steepest"] < found["suggestion"] < found["diverges"] and 1e-3 < found["suggestion"] < 0.3
    assert [path.name for path in Path.cwd().iterdir()] == ["rates.png"]
    assert Path("rates.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("linear-regression", "optimizer=closed-form"), "takes no steps"),
        (("mlp", "lr=fast"), "lr=fast"),
        (("runs/mlp-1",), "no system is called"),
    ],
)
def test_what_has_no_rate_is_refused(words, says):
    assert_refused(command("inspect", *words, "--rates"), says)
    assert not [*Path.cwd().iterdir()]
