"""Two ranks come to what one comes to, in float64 after 20 steps: every kind of task, uneven batches and all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.parallel.cases import CASES, STEPS, trained, write_texts
from tests.parallel.groups import run_together

SAME_WORK = ("closed-form", "counted")  # one step is all there is


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the texts, and of what two ranks came to."""
    folder = tmp_path_factory.mktemp("together")
    write_texts(folder)
    status, _, said = run_together(2, "-m", "tests.parallel.worker", str(folder), str(folder), *CASES)
    assert status == 0, said
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one(together, case):
    alone = trained(case, together)
    first, second = (load_file(together / f"{case}-{rank}.safetensors") for rank in (0, 1))
    assert len(alone["losses"]) == (1 if case in SAME_WORK else STEPS)
    assert first.keys() == alone.keys()
    for name, t in alone.items():
        torch.testing.assert_close(first[name], t, rtol=0, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}")
        assert torch.equal(first[name], second[name]), name
