"""The bench of costs: its multiply-adds are counted exactly, its exponents are those of the laws."""

import json

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from flori.benches import attention_cost as bench
from flori.benches import timing
from flori.cli.app import app

N, D = 13, 7


def loops(*ranges):
    """How often the innermost of so many loops runs, counted one by one."""
    return sum(1 for _ in torch.cartesian_prod(*(torch.arange(r) for r in ranges)))


COUNTS = {
    "convolution": lambda: loops(N, bench.KERNEL, D, D),
    "recurrence": lambda: 2 * loops(bench.BATCH, N, D, D),
    "attention": lambda: loops(N, N, D) + loops(N, N, D),
}


def test_every_law_is_counted():
    assert COUNTS.keys() == bench.LAWS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_multiply_adds_are_those_of_the_loops_and_of_torchs_counter(name):
    law = bench.LAWS[name]
    assert law.multiply_adds(N, D) == COUNTS[name]()
    call = law.call(N, D)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    assert counter.get_total_flops() == 2 * law.multiply_adds(N, D)


@pytest.mark.parametrize("name", COUNTS)
def test_exponents_of_the_laws_are_those_of_the_counts(name):
    law, size = bench.LAWS[name], (64, 128, 512)
    assert bench.slope(size, [law.multiply_adds(n, D) for n in size]) == pytest.approx(law.exponents[0], abs=1e-12)
    assert bench.slope(size, [law.multiply_adds(N, d) for d in size]) == pytest.approx(law.exponents[1], abs=1e-12)


def test_slope_is_that_of_least_squares():
    assert bench.slope((2, 8, 32), [5 * size**1.7 for size in (2, 8, 32)]) == pytest.approx(1.7, abs=1e-12)
    assert bench.slope((1, 10, 100), (1, 1000, 100)) == pytest.approx(1.0, abs=1e-12)


def test_the_bench_prints_exponents_beside_the_theory(monkeypatch):
    law = bench.Law(bench.attention, bench.LAWS["attention"].multiply_adds, (2, 1), ((13, 29), 7), ((3, 11), 5))
    monkeypatch.setattr(bench, "LAWS", {"attention": law})
    monkeypatch.setattr(timing, "ceiling", lambda dtype: 1e9)
    table = CliRunner().invoke(app, ["bench", "attention-cost"])
    assert table.exit_code == 0 and "n in theory" in table.stdout and "\nattention  " in table.stdout
    found = json.loads(CliRunner().invoke(app, ["bench", "attention-cost", "--json"]).stdout)
    assert {*found["benches"]["attention-cost"]["laws"]["attention"]} == {
        *("n", "n_measured", "d", "d_measured", "multiply_adds_per_second"),
    }
