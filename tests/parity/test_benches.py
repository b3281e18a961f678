"""The contestants of a bench do the same work: the same loss at the same weights, the same tokens generated."""

from __future__ import annotations

import dataclasses
import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from tests.parity.test_torch_transformer import ours, unsettled
from torch import nn
from typer.testing import CliRunner

from flori.benches import lstm, texts, timing, training, transformer, transformer_lm
from flori.cli.app import app
from flori.core.overrides import apply_values
from flori.core.recipe import Training
from flori.data.sequence_parts import TranslationPart
from flori.data.sequences import IGNORED, Ragged
from flori.recipes.assembly import assemble
from flori.recipes.catalogue import find


@pytest.fixture(autouse=True)
def same_draws(tmp_path, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def assembled(system, path, **options):
    return assemble(apply_values(find(system), {"data": str(path), "precision": "float64", **options}))


def test_lstm_and_the_ordinary_loop_have_the_same_losses(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "WORDS", 240)
    options = {"batch": 5, "data.window": 7, "model.width": 11, "model.hidden": 13, "model.dropout": 0.0}
    run = assembled("lstm", texts.corpus(tmp_path), **options)
    model, objective = unsettled(run.state.model), run.task.objective(run.recipe.training)
    peer = lstm.Ordinary(*run.codec.sizes, run.recipe.model).double()
    peer.load_state_dict(model.state_dict())
    theirs, memory = lstm.losses(peer, run), None
    for batch in [*run.batches.epoch(0), *islice(run.batches.epoch(1), 2)]:
        losses, memory = objective.carried(model, batch, None if batch.fresh else memory)
        loss, count = next(theirs)
        assert count == batch.count()
        torch.testing.assert_close(loss, losses["loss"], rtol=0, atol=1e-12)


def test_work_of_an_lstm_is_that_of_its_products():
    model = lstm.Ordinary(17, find("lstm").model)
    width, hidden = 256, 512
    products = 4 * hidden * (width + hidden) + hidden * 17
    assert lstm.work(model) == 6 * products


def test_transformer_and_the_books_loop_have_the_same_loss_over_all_pairs(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "PAIRS", 61)
    shape = {"model.width": 14, "model.heads": 2, "model.layers": 2, "model.hidden": 11, "model.dropout": 0.0}
    batches = {"batch": 7, "data.least": 1, "data.test": 0.1, "data.tokens_a_batch": 101}
    run = assembled("transformer", texts.pairs(tmp_path), **shape, **batches)
    part, recipe = run.data.parts["train"].numbers, run.recipe
    peer = unsettled(transformer.Ordinary(run.codec.sizes, recipe.model, int(part.lengths.max())))
    named = {name.removeprefix("transformer."): t for name, t in peer.state_dict().items() if name != "positions"}
    run.state.model.load_state_dict(ours(named))
    pairs = transformer.of_length(part, int(part.lengths.max()))
    loss, count = next(transformer.losses(peer, pairs, dataclasses.replace(recipe.training, batch=len(pairs))))
    batches, objective = list(run.batches.epoch(0)), run.task.objective(recipe.training)
    sums = [objective.losses(run.state.model, batch)["loss"] * batch.count() for batch in batches]
    assert len(batches) > 7
    assert count == sum(batch.count() for batch in batches) == part.lengths[:, 1].sum()
    torch.testing.assert_close(loss, torch.stack(sums).sum() / count, rtol=0, atol=1e-6)


def test_pairs_are_padded_and_cut():
    sides = Ragged.of([[5, 6, 7], [8]]), Ragged.of([[4, 5], [6, 7, 8]])
    part, none = TranslationPart(*sides, source_pad=0, target_pad=1, begin=2, end=3), IGNORED
    source, lengths, inputs, targets = (t.tolist() for t in transformer.of_length(part, 5).tensors)
    assert (source, lengths) == ([[5, 6, 7, 0, 0], [8, 0, 0, 0, 0]], [3, 1])
    assert inputs == [[2, 4, 5, 1, 1], [2, 6, 7, 8, 1]]
    assert targets == [[4, 5, 3, none, none], [6, 7, 8, 3, none]]
    source, lengths, inputs, targets = (t.tolist() for t in transformer.of_length(part, 2).tensors)
    assert (source, lengths, inputs, targets) == ([[5, 6], [8, 0]], [2, 1], [[2, 4], [2, 6]], [[4, 5], [6, 7]])


@pytest.mark.parametrize("beams", [1, 3])
def test_flori_says_what_gpt2_says(beams):
    pytest.importorskip("transformers")
    sizes = transformer_lm.Sizes(words=41, width=14, heads=2, layers=3, context=5 + 17)
    peer = transformer_lm.gpt2(sizes)
    for p in peer.parameters():
        p.data += 0.3 * torch.randn_like(p)
    model, start = transformer_lm.with_weights_of(peer, sizes), torch.randint(41, (3, 5))
    torch.testing.assert_close(model(start)[0], peer(start).logits, rtol=0, atol=1e-4)
    expected = transformer_lm.generated_by_peer(peer, start, 17, beams)
    assert transformer_lm.generated(model, start, 17, beams, "float32") == expected
    assert [len(said) for said in expected] == [17, 17, 17]


def test_the_ordinary_loop_takes_steps_of_adam_along_clipped_gradients():
    model, x = nn.Linear(2, 1, bias=False), torch.tensor([[3.0, -4.0]])
    before = model.weight.detach().clone()
    steps = training.ordinary(model, Training(lr=0.01, clip=1.0), ((model(x).sum(), 7) for _ in range(2)))
    assert next(steps) == 7
    torch.testing.assert_close(model.weight.grad, torch.tensor([[0.6, -0.8]]))
    torch.testing.assert_close(before - model.weight.detach(), torch.tensor([[0.01, -0.01]]))


def test_generated_texts_are_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "WORDS", 600)
    monkeypatch.setattr(texts, "PAIRS", 1009)
    for number, make in enumerate((texts.corpus, texts.pairs)):
        contents = []
        for folder in (tmp_path / f"{number}", tmp_path / f"{number} again"):
            folder.mkdir()
            contents.append(Path(make(folder)).read_text())
        assert contents[0] == contents[1]
    lines = [line.split("\t") for line in contents[0].splitlines()]
    lengths = torch.tensor([[len(side.split()) for side in line] for line in lines])
    assert lengths.shape == (1009, 2) and lengths[:, 0].unique().tolist() == list(range(3, 14))
    assert (lengths[:, 1] - lengths[:, 0]).unique().tolist() == list(range(-3, 4))


def test_a_bench_says_what_was_raced_and_how_it_ended(monkeypatch):
    rates = {"other": [2.0, 4.0, 3.0], "flori": [6.0, 8.0, 9.0]}
    given = timing.Race("running, as far as it goes", "laps", dict.fromkeys(rates, iter(())), 1.0, work=1e8)
    monkeypatch.setattr(lstm, "races", lambda: [given, given])
    monkeypatch.setattr(timing, "ceiling", lambda dtype: 1e9)
    monkeypatch.setattr(timing, "race", lambda *_: {who: timing.Result(found) for who, found in rates.items()})
    said = CliRunner().invoke(app, ["bench", "lstm"]).stdout
    assert said.count("lstm: running, as far as it goes\nlaps a second") == 2
    assert "80% of the bfloat16 matrix product" in said
    found = json.loads(CliRunner().invoke(app, ["bench", "lstm", "--json"]).stdout)["benches"]["lstm"]["races"]
    assert len(found) == 2
    assert found[0]["contestants"]["other"] == {
        "median": 3.0, "rates": rates["other"], "ratio": 3.0, "ratios": [3.0, 2.0, 3.0],
    }  # fmt: skip
    assert (found[0]["flops"], found[0]["unit"]) == (8e8, "laps")
