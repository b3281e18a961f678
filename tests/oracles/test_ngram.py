"""n-gram models against the equations, counted in loops."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from flori.models.ngram import SMOOTHINGS, ngram
from flori.prediction.beam import beam_search
from flori.prediction.decoding import Rules, collected, greedy, stepwise
from flori.reference import ngram as oracle

WORDS = 5
TEXT = np.random.default_rng(0).choice(WORDS, size=97, p=[0.4, 0.3, 0.2, 0.1, 0.0])  # the last word is never seen


def fitted(text=TEXT, **options):
    model = ngram(WORDS, **options).double()
    model.count(torch.tensor(text))
    return model


def expected(smoothing, strength, history, w):
    if smoothing == "add-k":
        return oracle.add_k(TEXT, history, w, WORDS, strength)
    return oracle.interpolated(TEXT, history, w, WORDS, strength)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(("smoothing", "strength"), [("add-k", 1.0), ("add-k", 0.1), ("interpolation", 1.7)])
def test_probabilities_equal_the_equations(order, smoothing, strength):
    model = fitted(order=order, smoothing=smoothing, strength=strength)
    tokens = torch.tensor([[0, 1, 0, 2, 4, 3, 3], [3, 3, 1, 0, 0, 2, 1]])
    logits, _ = model(tokens)
    for b, t in np.ndindex(2, 7):
        history = tokens[b, max(0, t + 2 - order) : t + 1].tolist() if order > 1 else []
        chances = [expected(smoothing, strength, history, w) for w in range(WORDS)]
        np.testing.assert_allclose(logits[b, t].exp(), chances, rtol=0, atol=1e-14)
    np.testing.assert_allclose(logits.exp().sum(2), 1, rtol=0, atol=1e-14)


def test_a_pair_is_as_probable_as_it_is_frequent():
    """p(x, x′) = n(x)/n · n(x, x′)/n(x); the last word of the text is followed by nothing."""
    model = fitted(order=2, strength=0.0)
    single = model.counts1.double() / len(TEXT)
    pairs = single[:, None] * model(torch.arange(WORDS)[:, None])[0][:, 0].exp()
    for x, y in np.ndindex(WORDS, WORDS):
        if x not in (TEXT[-1], 4):
            assert abs(float(pairs[x, y]) - oracle.count(TEXT, [x, y]) / len(TEXT)) < 1e-15


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_without_smoothing_a_history_never_seen_leaves_the_shorter_one(smoothing):
    model = fitted(order=3, smoothing=smoothing, strength=0.0)
    logits, _ = model(torch.tensor([[4, 4], [0, 1]]))
    chances = [oracle.count(TEXT, [w]) / len(TEXT) for w in range(WORDS)]
    np.testing.assert_allclose(logits[0].exp(), [chances, chances], rtol=0, atol=1e-15)
    chances = [oracle.unsmoothed(TEXT, [0, 1], w, WORDS) for w in range(WORDS)]
    np.testing.assert_allclose(logits[1, 1].exp(), chances, rtol=0, atol=1e-15)


def test_a_model_that_counted_nothing_holds_all_for_equally_probable():
    logits, _ = ngram(WORDS)(torch.tensor([[1, 2, 3]]))
    np.testing.assert_allclose(logits, -math.log(WORDS), rtol=1e-6)
    logits, _ = ngram(WORDS, strength=0.0)(torch.tensor([[1, 2, 3]]))
    np.testing.assert_allclose(logits, -math.log(WORDS), rtol=1e-6)


def counted(text, length):
    grams = [tuple(text[i : i + length].tolist()) for i in range(len(text) - length + 1)]
    return {gram: grams.count(gram) for gram in sorted(set(grams))}


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_counts_do_not_depend_on_the_pieces_that_a_text_is_read_in(piece, monkeypatch):
    monkeypatch.setattr(sys.modules["flori.models.ngram"], "PIECE", piece)
    model = fitted(order=4)
    for length in (1, 2, 3, 4):
        grams, counts = model.counts(length)
        found = dict(zip(map(tuple, grams.tolist()), counts.tolist(), strict=True))
        assert found == counted(TEXT, length)
        assert list(found) == sorted(found)


def test_texts_are_counted_apart():
    """No n-gram reaches from one text into the next, and a short text after a long one harms nothing."""
    model = ngram(WORDS, order=3)
    texts = [TEXT[:50], TEXT[50:51], TEXT[51:53], TEXT[53:53], TEXT[53:]]
    for text in texts:
        model.count(torch.tensor(text))
    for length in (1, 2, 3):
        sums: dict = {}
        for text in texts:
            for gram, often in counted(text, length).items():
                sums[gram] = sums.get(gram, 0) + often
        grams, counts = model.counts(length)
        assert dict(zip(map(tuple, grams.tolist()), counts.tolist(), strict=True)) == sums


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_texts_may_be_of_any_integers(dtype):
    np.testing.assert_array_equal(fitted(TEXT.astype(dtype)).counts(3)[1], fitted().counts(3)[1])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_memory_goes_on_as_if_the_text_were_whole(order, smoothing):
    model = fitted(order=order, smoothing=smoothing)
    tokens = torch.randint(4, (3, 7), generator=torch.Generator().manual_seed(0))
    whole, last = model(tokens)
    memory, parts = None, []
    for piece in tokens.split([1, 3, 1, 2], 1):
        logits, memory = model(piece, memory)
        parts.append(logits)
    assert torch.equal(torch.cat(parts, 1), whole)
    assert torch.equal(memory.tokens, last.tokens) and len(memory) == 3
    rows = torch.tensor([2, 0, 2])
    chosen, _ = model(tokens[rows, :1], memory.select(rows))
    assert torch.equal(chosen, model(tokens[:, :1], memory.detached())[0][rows])


def test_it_is_saved_and_loaded_by_any_that_counted_nothing():
    model = fitted(order=3)
    fresh = ngram(WORDS, order=3).double()
    fresh.load_state_dict(load(save(model.state_dict())))
    tokens = torch.tensor([[0, 1, 0, 2, 4, 3, 3]])
    assert torch.equal(fresh(tokens)[0], model(tokens)[0])
    with pytest.raises(RuntimeError, match="codes3"):
        ngram(WORDS, order=2).load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match="counts1"):
        ngram(WORDS + 1, order=3).load_state_dict(model.state_dict())


def test_it_speaks_as_the_other_language_models_do():
    model = fitted(order=3)
    start, rules = torch.tensor([[3], [0]]), Rules(11)
    said = collected(greedy(stepwise(model), start, None, rules))
    for first, words in zip(start.flatten().tolist(), said, strict=True):
        text = [first, *words]
        for t, word in enumerate(words):
            chances = [oracle.interpolated(TEXT, text[max(0, t - 1) : t + 1], w, WORDS, 1.0) for w in range(WORDS)]
            assert chances[word] == pytest.approx(max(chances), abs=1e-12)
    assert [found.tokens for found in beam_search(stepwise(model), start, None, rules, 1)] == said


def test_it_needs_the_text_only_as_often_as_words_are_in_it():
    """A vocabulary of which no table of all 3-grams could be held."""
    model = ngram(3_000_017, order=5)
    model.count(torch.tensor([3_000_016, 0, 3_000_016, 0, 3_000_016, 0, 1]))
    assert model.counts(5)[0].tolist() == [
        [0, 3_000_016, 0, 3_000_016, 0],
        [3_000_016, 0, 3_000_016, 0, 1],
        [3_000_016, 0, 3_000_016, 0, 3_000_016],
    ]


@pytest.mark.parametrize("options", [{"order": 0}, {"strength": -1.0}, {"smoothing": "kneser"}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match=r"order|strength|smoothing"):
        ngram(WORDS, **options)


def test_real_text(real_data):
    """Characters of the last tenth of a novel, told by the rest: longer histories tell more."""
    text = next(iter((real_data / "time-machine").glob("*.txt"))).read_text(encoding="utf-8-sig").lower()
    letters = sorted(set(text))
    tokens = torch.tensor([letters.index(letter) for letter in text])
    cut = len(tokens) * 9 // 10
    losses = []
    for order in (1, 2, 3, 4, 5):
        model = ngram(len(letters), order=order)
        model.count(tokens[:cut])
        logits, _ = model(tokens[None, cut:-1])
        losses.append(float(torch.nn.functional.cross_entropy(logits[0], tokens[cut + 1 :])))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1.65
