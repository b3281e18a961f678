"""Losses and scores of language, translation and tagging against the equations and numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from flori.core.recipe import Training
from flori.data.sequences import TokenBatch
from flori.evaluation import tagging as judged_tags
from flori.evaluation.attention_plots import attention
from flori.evaluation.language import Surprise, surprise
from flori.layers.recurrent import Carried
from flori.objectives import large_vocabulary
from flori.objectives.language import language
from flori.objectives.masked import cross_entropy
from flori.objectives.tagging import tagging
from flori.objectives.translation import translation
from flori.prediction.tagging import spans
from flori.reference import perplexity as oracle
from flori.reference import softmax_regression
from flori.training.state import State
from flori.training.updates import descent

SENTENCES, LENGTH, WORDS = 7, 5, 11
LENGTHS = torch.tensor([5, 1, 3, 2, 5, 4, 1])
MEMORY = Carried((torch.zeros(1, 7, 1),))


def batch(lengths=LENGTHS, words=WORDS, seed=0):
    g = torch.Generator().manual_seed(seed)
    tokens = torch.randint(words, (len(lengths), LENGTH), generator=g)
    valid = torch.arange(LENGTH) < lengths[:, None]
    """Sentences of unequal lengths; what stands in padded places is no target."""
    return TokenBatch(tokens, torch.where(valid, tokens, -100), lengths, tokens, lengths)


class Lookup(nn.Module):
    """Logits by input token, one row of a table each; with the signatures of all tasks."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, inputs, *more):
        tokens = more[1] if len(more) == 2 else inputs
        logits = self.table[tokens]
        return logits if isinstance(more[0], torch.Tensor) else (logits, MEMORY)


OBJECTIVES = {"language": language, "translation": translation, "tagging": tagging}


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("task", OBJECTIVES)
def test_a_uniform_model_has_the_loss_ln_v(task, smoothing, accumulate):
    model = Lookup(torch.full((WORDS, WORDS), 3.7, dtype=torch.float64))
    options = Training(accumulate=accumulate, lr=0.0)
    state = State(model, torch.optim.SGD([{"params": model.parameters(), "lr": 0.0, "highest": 0.0}]))
    update = descent(OBJECTIVES[task](smoothing), options, 1, torch.device("cpu"), "float64")
    assert abs(float(update(state, batch())) - math.log(WORDS)) < 1e-14


@pytest.mark.parametrize("task", OBJECTIVES)
def test_parts_of_a_batch_add_up_to_the_whole(task):
    """One part has no valid target at all."""
    given = batch(torch.tensor([5, 3, 1, 0, 0, 4, 2]))
    table = torch.randn(WORDS, WORDS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = []
    for accumulate in (1, 3):
        model = Lookup(table.clone())
        state = State(model, torch.optim.SGD([{"params": model.parameters(), "lr": 0.0, "highest": 0.0}]))
        update = descent(OBJECTIVES[task](0.1), Training(accumulate=accumulate), 1, torch.device("cpu"), "float64")
        loss = update(state, given)
        found.append((loss, model.table.grad))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-14)


def test_a_part_without_targets_costs_nothing():
    logits = torch.randn(2, 3, WORDS, requires_grad=True)
    loss = cross_entropy(logits, torch.full((2, 3), -100))
    loss.backward()
    assert float(loss.detach()) == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("task", OBJECTIVES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_equal_the_equation_and_know_no_padding(task, smoothing):
    table = torch.randn(WORDS, WORDS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    given, objective = batch(), OBJECTIVES[task](smoothing)
    expected = [
        softmax_regression.cross_entropy(table[int(x)].numpy(), int(y), smoothing)
        for x, y in zip(given.inputs.flatten(), given.targets.flatten(), strict=True)
        if y != -100
    ]
    loss = objective.losses(Lookup(table), given)["loss"]
    assert abs(float(loss.detach()) - np.mean(expected)) < 1e-14
    assert objective.count(given) == len(expected) == int(LENGTHS.sum())
    inputs, targets = F.pad(given.inputs, (0, 6)), F.pad(given.targets, (0, 6), value=-100)
    wider = TokenBatch(inputs, targets, given.lengths, F.pad(given.source, (0, 6)), given.lengths)
    assert abs(float(objective.losses(Lookup(table), wider)["loss"].detach() - loss.detach())) < 1e-15


def test_one_label_a_sequence_is_classified():
    logits = torch.randn(5, 3, dtype=torch.float64)
    labels = torch.tensor([0, 2, 1, 1, 0])
    given = TokenBatch(torch.zeros(5, 2, dtype=torch.int64), labels, labels)
    found = tagging().losses(lambda inputs, lengths: logits, given)["loss"]
    assert abs(float(found) - float(F.cross_entropy(logits, labels))) < 1e-15


def test_a_language_model_goes_on_from_a_memory():
    losses, memory = language().carried(Lookup(torch.zeros(WORDS, WORDS)), batch(), MEMORY)
    assert memory is MEMORY and abs(float(losses["loss"].detach()) - math.log(WORDS)) < 1e-6


def test_half_precision_is_widened():
    """2,003 equal words: the sum of their halves would stop at 256."""
    for logits in (torch.zeros(3, 2003, dtype=torch.bfloat16), torch.full((3, 2003), 1e4, dtype=torch.float16)):
        targets = torch.tensor([5, -100, 700])
        assert abs(float(cross_entropy(logits, targets)) - math.log(2003)) < 1e-5
        assert surprise(logits, targets).dtype == torch.float32


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_many_words_have_the_loss_and_the_gradient_of_torch(dtype, smoothing):
    rows, words = 193, 2003
    g = torch.Generator().manual_seed(0)
    logits = (torch.randn(rows, words, generator=g, dtype=torch.float64) * 5).to(dtype).requires_grad_()
    targets = torch.where(torch.rand(rows, generator=g) < 0.3, -100, torch.randint(words, (rows,), generator=g))
    assert large_vocabulary.pays(logits)
    (ours := 3 * cross_entropy(logits, targets, smoothing)).backward()
    exact = logits.detach().double().requires_grad_()
    (theirs := 3 * F.cross_entropy(exact, targets, label_smoothing=smoothing)).backward()
    exactly = torch.finfo(ours.dtype).eps
    assert ours.dtype == torch.promote_types(dtype, torch.float32)
    assert abs(float(ours.detach() / theirs.detach()) - 1) < 16 * exactly
    rtol = torch.finfo(dtype).eps if dtype == torch.bfloat16 else 64 * exactly
    torch.testing.assert_close(logits.grad.double(), exact.grad, rtol=rtol, atol=4 * exactly / rows)


def test_many_words_of_which_none_is_a_target():
    logits = torch.randn(131, 2003, requires_grad=True)
    loss = cross_entropy(logits, torch.full((131,), -100))
    loss.backward()
    assert float(loss.detach()) == 0 and not logits.grad.any()


def test_the_impossible_where_there_is_no_target_costs_nothing():
    logits = torch.zeros(131, 2003)
    logits[5] = -math.inf
    logits[5, 700] = 0
    targets = torch.arange(131)
    targets[5] = -100
    loss = cross_entropy(logits.requires_grad_(), targets)
    loss.backward()
    assert abs(float(loss.detach()) - math.log(2003)) < 1e-5 and not logits.grad[5].any()


def test_logits_of_ten_thousand_stay_finite_among_many_words():
    logits = torch.full((131, 2003), -1e4)
    logits[:, 7] = 1e4
    logits.requires_grad_()
    loss = cross_entropy(logits, torch.tensor([7, 9]).repeat(66)[:131], 0.1)
    loss.backward()
    assert bool(loss.isfinite()) and bool(logits.grad.isfinite().all())


def tally(*batches):
    found = Surprise()
    for logits, targets in batches:
        found.add(logits, targets)
    return found.scores()


def test_perplexity_is_one_for_a_perfect_model_and_v_for_a_uniform_one():
    targets = batch().targets
    perfect = torch.full((SENTENCES, LENGTH, WORDS), -math.inf).scatter(2, targets.clamp(min=0)[..., None], 0.0)
    assert tally((perfect, targets)) == {"loss": 0.0, "perplexity": 1.0}
    uniform = tally((torch.zeros(SENTENCES, LENGTH, WORDS, dtype=torch.float64), targets))
    assert abs(uniform["perplexity"] - WORDS) < 1e-12


def test_perplexity_is_over_all_tokens_of_unequal_batches():
    g = torch.Generator().manual_seed(3)
    logits = torch.randn(SENTENCES, LENGTH, WORDS, generator=g, dtype=torch.float64)
    targets = batch().targets
    found = tally((logits[:2], targets[:2]), (logits[2:], targets[2:]))
    chances = [
        [softmax_regression.softmax(logits[i, t].numpy())[targets[i, t]] for t in range(LENGTHS[i])]
        for i in range(SENTENCES)
    ]
    assert abs(found["loss"] - oracle.loss(chances)) < 1e-14
    assert abs(found["perplexity"] - oracle.perplexity(chances)) < 1e-12


def test_sums_over_many_batches_stay_exact():
    """In float32 the sum would have stopped growing at 2²⁴ times the term."""
    found = Surprise()
    found.total, found.tokens = 2.0**40, 2**40
    found.add(torch.zeros(1, 2), torch.tensor([0]))
    assert found.total - 2.0**40 == pytest.approx(math.log(2), abs=1e-3)


def test_scores_of_nothing_and_of_the_hopeless():
    with pytest.raises(ValueError, match="no token"):
        Surprise().scores()
    assert math.isfinite(tally((torch.tensor([[0.0, 1e6]]), torch.tensor([0])))["perplexity"])


TRUTH = [["B-PER", "I-PER", "O", "B-LOC", "O"], ["B-ORG", "I-ORG", "I-ORG"], ["O", "O"], ["B-PER", "B-PER"]]
SAID = [["B-PER", "I-PER", "O", "B-ORG", "O"], ["B-ORG", "I-ORG", "O"], ["O", "B-LOC"], ["B-PER", "B-PER"]]


def test_spans():
    assert spans(TRUTH[0]) == [(0, 2, "PER"), (3, 4, "LOC")]
    assert spans(TRUTH[3]) == [(0, 1, "PER"), (1, 2, "PER")], "B begins a span beside another"
    assert spans(["O", "I-PER", "I-PER", "I-LOC", "O", "I-LOC"]) == [(1, 3, "PER"), (3, 4, "LOC"), (5, 6, "LOC")]
    assert spans(["B-a-b", "I-a-b"]) == [(0, 2, "a-b")]
    assert spans([]) == spans(["O", "O"]) == []


def test_span_scores_by_hand():
    """5 true spans, of which one was given a wrong type and one cut short; 6 said, one of them where there is none."""
    found = judged_tags.scores(SAID, TRUTH)
    assert sum(len(spans(tags)) for tags in TRUTH) == 5
    assert sum(len(spans(tags)) for tags in SAID) == 6
    assert found == {"precision": 3 / 6, "recall": 3 / 5, "f1": 6 / 11, "accuracy": 9 / 12}


def test_tables_of_types_by_hand():
    table = judged_tags.tables(SAID, TRUTH)["per_class"]
    assert list(table) == ["LOC", "ORG", "PER"]
    assert table["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "examples": 3}
    assert table["LOC"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "examples": 1}
    assert table["ORG"]["examples"] == 1


def test_no_spans_anywhere_score_zero_and_no_sentences_crash_nothing():
    assert judged_tags.scores([["O"]], [["O"]]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": 1.0}
    assert judged_tags.scores([], [])["f1"] == 0
    with pytest.raises(ValueError, match="zip"):
        judged_tags.scores([["O"]], [["O", "O"]])


def test_a_picture_of_attention_shows_the_weights_and_the_words():
    weights = torch.rand(5, 3, 7).softmax(2)
    queries, keys = ["le", "chat", "<eos>"], ["the", "cat", " ", "a\nb", "$x$", "extraordinarily long", ""]
    figure = attention(weights, queries, keys)
    *panels, bar = figure.axes
    assert [axis.get_title(loc="left") for axis in panels] == [f"head {i}" for i in range(1, 6)]
    for axis, values in zip(panels, weights, strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), values)
    assert [label.get_text() for label in panels[0].get_yticklabels()] == queries
    shown = ["the", "cat", "␣", "a↵b", "$x$", "extraordinari…", "∅"]
    assert [label.get_text() for label in panels[4].get_xticklabels()] == shown
    assert bar.get_ylabel() == "attention weight"
    figure.savefig("attention.png")


def test_a_picture_of_many_words_names_some_of_them():
    figure = attention(torch.rand(1, 131, 257), ["w"] * 131, ["w"] * 257, ["layer 2"])
    assert figure.axes[0].get_title(loc="left") == "layer 2"
    assert len(figure.axes[0].get_xticklabels()) == len(range(0, 257, 5))


def test_words_that_do_not_fit_the_weights_are_refused():
    with pytest.raises(ValueError, match="weights of 3×7 words, but 3×6 words"):
        attention(torch.rand(1, 3, 7), ["w"] * 3, ["w"] * 6)
