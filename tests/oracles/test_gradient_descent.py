"""optimizer=gd: every step along the mean gradient of all examples, worked through batch by batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from flori.core.errors import UserError
from flori.core.overrides import apply
from flori.recipes.assembly import assemble
from flori.recipes.catalogue import find
from flori.training.loop import loop

PLAIN = ["optimizer=gd", "lr=0.5", "schedule=constant", "training.warmup=0", "training.weight_decay=0", "steps=1"]


@pytest.mark.parametrize("batch", [97, 5000])
def test_a_step_is_along_the_gradient_of_all_examples(batch):
    run = assemble(apply(find("mlp"), [*PLAIN, f"batch={batch}", "precision=float64", "device=cpu"]))
    model, train = run.state.model, run.data.parts["train"]
    inputs = run.codec.preparation.apply(train.inputs, torch.float64)
    before = [p.detach().clone() for p in model.parameters()]
    slopes = torch.autograd.grad(F.cross_entropy(model(inputs), train.targets), [*model.parameters()])
    assert [step.examples for step in loop(run.state, run.batches, run.update, 1, 0)] == [len(train)]
    for p, old, slope in zip(model.parameters(), before, slopes, strict=True):
        torch.testing.assert_close(p.detach(), old - 0.5 * slope, rtol=0, atol=1e-12)


def test_text_that_is_read_in_many_batches_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("so much depends upon a red wheel barrow " * 200)
    with pytest.raises(UserError, match="optimizer=gd takes all examples at every step"):
        assemble(apply(find("rnn"), [f"data={tmp_path / 'text.txt'}", "optimizer=gd"]))
