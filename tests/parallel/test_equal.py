"""Two ranks come to what one comes to, in float64 after 20 steps: every kind of task, uneven batches and all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.parallel.cases import CASES, STEPS, trained, write_texts
from tests.parallel.groups import run_together

SAME_WORK = ("closed-form", "counted")  # one step is all there is
SHORT = [
    *("uneven", "mixed-up", "divided", "clipped", "rows", "all-rows", "closed-form", "normed", "normed-few"),
    *("files", "shards"),
    *("carried-parts", "windows", "next-tokens", "translated", "tagged", "texts"),
    *("divided, sharded", "clipped, sharded", "translated, sharded"),
]
LONG = [case for case in CASES if case not in SHORT]


def group(ranks: int, cases: list[str], folder: Path) -> Path:
    """The folder of the texts, and of what so many ranks came to."""
    write_texts(folder)
    status, _, said = run_together(ranks, "-m", "tests.parallel.worker", str(folder), str(folder), *cases)
    assert status == 0, said
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranks, a short table of cases."""
    return group(2, SHORT, tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("case", SHORT)
def test_two_ranks_equal_one(two, case):
    must_equal_one(two, case, 2)


@pytest.mark.long
def test_two_ranks_equal_one_in_all_cases(tmp_path):
    group(2, LONG, tmp_path)
    for case in LONG:
        must_equal_one(tmp_path, case, 2)


@pytest.mark.long
def test_three_ranks_equal_one(tmp_path):
    group(3, [*CASES], tmp_path)
    for case in CASES:
        must_equal_one(tmp_path, case, 3)


def must_equal_one(together: Path, case: str, ranks: int) -> None:
    """All ranks came to the same, and to what this process comes to."""
    sizes = compared(together, case, ranks, 1 if case in SAME_WORK else STEPS)
    if case.endswith("sharded"):  # no byte is kept twice; where matrices have many rows, shares are alike
        assert sum(sizes[1:]) == sizes[0]
        assert case != "clipped, sharded" or max(sizes[1:]) < sizes[0] * (1 / ranks + 0.05)
    else:
        assert set(sizes) == {sizes[0]}


def compared(together: Path, case: str, ranks: int, steps: int) -> list[int]:
    """Bytes that this process keeps and that each rank keeps, once losses and weights were found to be the same."""
    alone = trained(case, together)
    found = [load_file(together / f"{case}-{rank}.safetensors") for rank in range(ranks)]
    sizes = [int(one.pop("kept")) for one in (alone, *found)]
    assert len(alone["losses"]) == steps
    assert all(one.keys() == alone.keys() for one in found)
    for name, t in alone.items():
        torch.testing.assert_close(found[0][name], t, rtol=0, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}")
        assert all(torch.equal(found[0][name], other[name]) for other in found[1:]), name
    return sizes
