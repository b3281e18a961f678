"""Layers divided over two ranks, and stages of a network, come to what one process comes to; so do four ranks, two by
two, and eight, two by two by two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.parallel.cases import SPLIT, STEPS, trained
from tests.parallel.groups import run_together
from tests.parallel.halfway import gone_on
from tests.parallel.test_equal import compared, group

SHORT = [
    *("pictures, tensor", "dense, tensor", "dropped, tensor", "next-tokens, tensor", "translated, tensor"),
    *("normed, tensor", "dense, pipeline", "next-tokens, pipeline", "normed, pipeline"),
]
BY_TWO = (
    *("next-tokens, tensor", "pictures, tensor", "normed, tensor", "next-tokens, pipeline", "normed, pipeline"),
    *("next-tokens, both", "normed, both", "next-tokens, sharded stages", "normed, sharded stages"),
)
FOUR = [case for case in SPLIT if not case.startswith("dropped")]  # each share of a batch draws by itself
EIGHT = [case for case in SPLIT if case.endswith("both")]
LONG = [case for case in SPLIT if case not in SHORT and not case.endswith(("both", "sharded stages"))]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two ranks came to."""
    return group(2, SHORT, tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What four ranks came to: pairs that share batches, or the weights of a stage, or divide its layers."""
    return group(4, [*BY_TWO], tmp_path_factory.mktemp("four"))


@pytest.mark.parametrize("case", SHORT)
def test_two_ranks_equal_one(two, case):
    must_equal_one(two, case, 2)


def test_both_and_one_alone_go_on_with_what_two_saved_of_divided_channels(tmp_path):
    case = "normed, tensor"
    status, _, said = run_together(2, "-m", "tests.parallel.halfway", str(tmp_path), case)
    assert status == 0, said
    wanted = {name: t for name, t in trained(case, tmp_path).items() if name not in ("losses", "kept")}
    for found in (gone_on(case, tmp_path), *(load_file(tmp_path / f"{rank}.safetensors") for rank in (0, 1))):
        assert found.keys() == wanted.keys()
        for name, t in wanted.items():
            torch.testing.assert_close(found[name], t, rtol=0, atol=1e-6, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.long
@pytest.mark.parametrize("case", BY_TWO)
def test_two_by_two_ranks_equal_one(four, case):
    must_equal_one(four, case, 4)


@pytest.mark.long
def test_two_ranks_equal_one_in_all_cases(tmp_path):
    group(2, LONG, tmp_path)
    for case in LONG:
        must_equal_one(tmp_path, case, 2)


@pytest.mark.long
def test_two_by_two_ranks_equal_one_in_all_cases(tmp_path):
    group(4, FOUR, tmp_path)
    for case in FOUR:
        must_equal_one(tmp_path, case, 4)


@pytest.mark.long
def test_two_by_two_by_two_ranks_equal_one(tmp_path):
    group(8, EIGHT, tmp_path)
    for case in EIGHT:
        must_equal_one(tmp_path, case, 8)


def must_equal_one(together: Path, case: str, ranks: int) -> None:
    """All ranks came to the same, and to what this process comes to; each kept less than it."""
    size, *sizes = compared(together, case, ranks, STEPS)
    copies = ranks // (4 if case.endswith(("both", "sharded stages")) else 2)
    assert max(sizes) < size and sum(sizes) >= size * copies, sizes
