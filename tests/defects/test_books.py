"""Defects of the books' code, each shown absent."""

from __future__ import annotations

import pytest
import torch

import flori
from flori import models
from flori.core.device import choose_device
from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.objectives.classification import classification
from flori.objectives.regression import regression
from flori.training import optimizers
from flori.training.state import State
from flori.training.updates import descent


def updated(model, batch, objective, **options):
    """One update of plain SGD; the state after it."""
    training = Training(**{"optimizer": "sgd", "momentum": 0.0, "lr": 0.1, **options})
    state = State(model, optimizers.build(model, training))
    descent(objective, training, 1, torch.device("cpu"), "float32")(state, batch)
    return state


def test_the_loss_does_not_grow_with_the_batch():
    """A learning rate means the same for every batch size: the gradient of a batch given twice is that of it once."""
    torch.manual_seed(0)
    x, y = torch.randn(7, 5), torch.randn(7)
    weights = []
    for batch in (Batch(x, y), Batch(x.repeat(2, 1), y.repeat(2))):
        weights.append(updated(models.linear_regression(1, (5,)), batch, regression()).model.linear.weight)
    assert torch.allclose(*weights, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2, 3, 7, 11])
def test_an_uneven_last_part_weighs_what_it_has(accumulate):
    """Accumulation is a mean over the batch, not a mean of the parts' means."""
    torch.manual_seed(0)
    x, y = torch.randn(7, 5).double(), torch.randint(3, (7,))
    weights = []
    for parts in (1, accumulate):
        model = models.softmax_regression(3, (5,)).double()
        weights.append(updated(model, Batch(x, y), classification(), accumulate=parts).model.linear.weight)
    assert torch.allclose(*weights, atol=1e-14)


def test_clipping_works_with_a_frozen_parameter():
    torch.manual_seed(0)
    model = models.mlp(3, (5,))
    model.layers[0].weight.requires_grad_(False)
    before = model.layers[0].weight.clone()
    updated(model, Batch(torch.randn(7, 5), torch.randint(3, (7,))), classification(), clip=0.1)
    assert torch.equal(model.layers[0].weight, before)


def test_clipping_scales_the_gradient_to_the_norm():
    torch.manual_seed(0)
    model = models.linear_regression(1, (5,))
    updated(model, Batch(torch.randn(7, 5) * 100, torch.randn(7) * 100), regression(), clip=0.5)
    moved = torch.cat([p.detach().flatten() for p in model.parameters()]) / 0.1
    assert moved.norm() == pytest.approx(0.5, rel=1e-4)


def test_weight_decay_shrinks_weights_and_not_biases():
    """w ← (1 − ηλ)w − η∂ℓ/∂w, with a gradient of zero."""
    model = models.linear_regression(1, (5,)).double()
    with torch.no_grad():
        model.linear.weight.fill_(2.0)
        model.linear.bias.fill_(3.0)
    x = torch.zeros(4, 5, dtype=torch.float64)
    updated(model, Batch(x, torch.full((4,), 3.0, dtype=torch.float64)), regression(), weight_decay=0.5)
    assert torch.allclose(model.linear.weight, torch.tensor(2.0 * (1 - 0.1 * 0.5), dtype=torch.float64))
    assert torch.equal(model.linear.bias, torch.tensor([3.0], dtype=torch.float64))


def test_fewer_than_five_batches_train():
    run = flori.train("mlp", run="run", batch=1000, epochs=2)
    assert run.summary["steps"] == 4 and run.summary["status"] == "done"


def test_a_last_batch_of_one_example_trains():
    run = flori.train("mlp", run="run", batch=808, epochs=1, **{"model.dropout": 0.5, "data.test": 0.1})
    assert run.summary["steps"] == 2  # 1,617 = 808 + 809: it joins the batch before, as batch norm needs two


def test_no_gpu_is_needed_and_a_missing_one_is_said():
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(flori.UserError, match="device=auto"):
            choose_device("cuda")


def test_prediction_is_in_evaluation_mode():
    """With dropout, two predictions of the same picture are the same."""
    from PIL import Image

    run = flori.train("mlp", run="run", steps=20, **{"model.dropout": 0.9})
    Image.new("L", (8, 8), 99).save("grey.png")
    answers = [run.predict("grey.png")[0]["top"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_hidden_layers_do_not_start_alike():
    """Zero weights everywhere would keep the hidden units the same for ever."""
    for model in (models.mlp(3, (5,)), models.lenet()):
        first = next(model.parameters()).flatten(1)
        assert len(torch.unique(first, dim=0)) == len(first)
