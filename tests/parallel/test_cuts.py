"""Where networks can be cut or divided, without any other process; and what is refused."""

from __future__ import annotations

from functools import partial
from itertools import combinations, pairwise

import pytest
import torch

from flori import models
from flori.core.errors import UserError
from flori.core.overrides import apply_values
from flori.core.ranks import Ranks
from flori.core.recipe import Parallel
from flori.recipes.catalogue import find
from flori.training.mesh import ordered
from flori.training.pipeline import balanced, cut, planned
from flori.training.splitting import divisible, must_divide
from flori.training.staged import shared

NETWORKS = {
    "lenet": lambda: models.lenet(7, (1, 17, 13)),
    "mlp": lambda: models.mlp(7, (1, 5, 3), hidden=(11, 13)),
    "regression": lambda: models.mlp(1, (5,), hidden=(11,)),
    "alexnet": lambda: models.alexnet(7, (1, 17, 13), width=0.05),
    "vgg": lambda: models.vgg11(7, (1, 17, 13), width=0.05, norm="batch"),
    "resnet": lambda: models.resnet18(7, (1, 17, 13), width=0.1),
    "resnet-cifar": lambda: models.resnet_cifar(7, (1, 17, 13), depth=14, width=0.5),
    "transformer-lm": lambda: models.transformer_lm(31, width=12, heads=3, layers=2, gram_rows=17, gram_width=5),
    "untied": lambda: models.transformer_lm(31, width=12, heads=3, layers=2, grams=1, tied=False, positions="learned"),
}


def inputs(name: str) -> torch.Tensor:
    if name in ("transformer-lm", "untied"):
        return torch.randint(31, (3, 11))
    shape = {"mlp": (1, 5, 3), "regression": (5,)}.get(name, (1, 17, 13))
    return torch.randn(3, *shape, dtype=torch.float64)


@pytest.mark.parametrize("name", NETWORKS)
def test_stages_one_after_the_other_are_the_network(name):
    torch.manual_seed(0)
    model, x = NETWORKS[name]().double().eval(), inputs(name)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    whole = model(x)[0] if isinstance(model(x), tuple) else model(x)
    known, found = dict(model.named_parameters()), set()
    plan = planned(model, 2, inputs(name)[:1], name)
    assert shared(plan, model).keys() == ({"embedding.weight"} if name == "transformer-lm" else set())
    for stage in (0, 1):
        assert plan.shape(stage, inputs(name)) == x.shape
        part = NETWORKS[name]().double().eval()
        part.load_state_dict(model.state_dict())
        own = planned(part, 2, inputs(name)[:1], name)
        cut(part, own, stage)
        for section in own.of(stage):
            x = section.run(x)
        assert dict(part.named_parameters()).keys() < known.keys()
        found |= dict(part.named_parameters()).keys()
    assert found == known.keys()
    torch.testing.assert_close(x, whole)


def test_the_dearest_stage_is_as_cheap_as_can_be():
    costs = [3, 0, 5, 7, 2, 2, 11, 1]
    for stages in range(1, 6):
        cuts = balanced(costs, stages)
        assert cuts[0] == 0 and cuts[-1] == len(costs) and len(cuts) == stages + 1
        ways = [(0, *some, len(costs)) for some in combinations(range(1, len(costs)), stages - 1)]
        assert dearest(costs, cuts) == min(dearest(costs, way) for way in ways)


def dearest(costs: list[int], cuts: tuple[int, ...]) -> int:
    return max(sum(costs[begin:end]) for begin, end in pairwise(cuts))


def test_only_what_comes_out_even_is_divided():
    model = models.mlp(7, (5,), hidden=(12, 13, 15, 17), dropout=0.1)
    assert divisible(model, 2) == {"layers.0": "columns", "layers.2": "dropout", "layers.3": "rows"}
    assert divisible(model, 5) == {"layers.6": "columns", "layers.8": "dropout", "layers.9": "rows"}
    assert divisible(model, 7) == {}
    lm = models.transformer_lm(31, width=12, heads=3, layers=1, hidden=14)
    assert divisible(lm, 3) == {"decoder.layers.0.self_attn": "heads"}
    assert [*divisible(lm, 7)] == ["decoder.layers.0.linear1", "decoder.layers.0.linear2"]
    vgg = models.vgg11(7, (1, 17, 13), width=3 / 64, norm="batch", hidden=64)
    first = {"features.0": "columns", "features.1": "norm", "features.4": "rows"}
    assert first.items() <= divisible(vgg, 3).items() and not first.keys() & divisible(vgg, 2).keys()
    bottlenecks = divisible(models.resnet50(7, (1, 17, 13), width=5 / 64), 5)
    assert len(bottlenecks) == 3 * 16
    assert [bottlenecks[f"layer3.5.{name}"] for name in ("conv2", "bn2", "conv3")] == ["columns", "norm", "rows"]


def test_what_two_stages_have_a_half_of_each_is_not_divided():
    model = models.mlp(7, (5,), hidden=(12, 13, 15, 17))
    plan = planned(model, 2, torch.zeros(1, 5), "mlp")
    held = [name for stage in (0, 1) for name in divisible(model, 1, partial(plan.holds, stage))]
    assert plan.cuts == (0, 3, 5) and held == ["layers.0", "layers.2"] and len(divisible(model, 1)) == 4


@pytest.mark.parametrize(
    ("workers", "settings", "words"),
    [
        (3, {"parallel.tensor": 2}, "parallel.tensor=2 takes workers in groups of 2, and there are 3"),
        (3, {"parallel.pipeline": 4}, "parallel.pipeline=4 takes workers in groups of 4, and there are 3"),
        (
            6,
            {"parallel.tensor": 2, "parallel.pipeline": 2},
            "parallel.pipeline=2 and parallel.tensor=2 take workers in groups of 4, and there are 6; torchrun "
            "--nproc-per-node=4 starts as many",
        ),
        (4, {"parallel.pipeline": 2, "parallel": "async"}, "do not go together"),
        (2, {"parallel.tensor": 2, "parallel": "shard"}, "do not go together"),
    ],
)
def test_workers_that_do_not_suit_are_refused(workers, settings, words):
    recipe = apply_values(find("mlp"), settings)
    with pytest.raises(UserError, match=words):
        ordered(Ranks(0, workers), torch.device("cpu"), recipe.parallel)


def test_one_process_alone_takes_no_notice():
    assert ordered(Ranks(), torch.device("cpu"), Parallel(tensor=2)).mesh is None


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(UserError, match=r"parallel.tensor=2: lstm has no attention, and no two dense layers"):
        must_divide({}, models.lstm(31), 2, "lstm")
    with pytest.raises(UserError, match=r"this mlp has no heads, hidden units or channels that come out even"):
        must_divide({}, models.mlp(7, (5,), hidden=(11,)), 2, "mlp")
    with pytest.raises(UserError, match=r"parallel.pipeline=2: lstm is no row of layers"):
        planned(models.lstm(31), 2, torch.zeros(1, 5, dtype=torch.int64), "lstm")
    with pytest.raises(UserError, match=r"this mlp can be cut into 2 stages at most"):
        planned(models.mlp(7, (5,), hidden=(11,)), 3, torch.zeros(1, 5), "mlp")
    model = models.mlp(7, (5,), hidden=(11,))
    model.layers[0].requires_grad_(False)
    with pytest.raises(UserError, match=r"freeze= leaves stage 1 of 2 nothing to learn"):
        cut(model, planned(model, 2, torch.zeros(1, 5), "mlp"), 0)
