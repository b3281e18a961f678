"""Networks over padded sentences: equal to the equations of each sentence alone, in float64."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flori.models.bilstm_classifier import bilstm_classifier
from flori.models.bilstm_tagger import bilstm_tagger
from flori.models.seq2seq import seq2seq
from flori.models.seq2seq_attention import seq2seq_attention
from flori.reference import bilstm_classifier as classifier_equations
from flori.reference import bilstm_tagger as tagger_equations
from flori.reference import gru as gru_equations
from flori.reference import lstm as lstm_equations
from flori.reference import rnn as rnn_equations
from flori.reference import seq2seq as equations

STEPS = {"rnn": rnn_equations.step, "gru": gru_equations.step, "lstm": lstm_equations.step}
WORDS, OTHERS, WIDTH, HIDDEN, LABELS, ALPHABET, FILTERS = 13, 11, 2, 3, 7, 17, 5
SOURCE = torch.tensor([[5, 4, 3, 0, 0], [2, 7, 12, 9, 3], [8, 3, 0, 0, 0]])
LENGTHS = torch.tensor([3, 5, 2])
SPELLINGS = (
    [[5, 16, 5, 2], [3], [1, 9], [], []],
    [[11, 4, 3], [7], [16, 16], [2, 14], [8]],
    [[6], [1, 2, 3], [], [], []],
)
CHARACTERS = torch.tensor([[word + [0] * (4 - len(word)) for word in sentence] for sentence in SPELLINGS])
TARGET = torch.tensor([[2, 4, 6, 1], [2, 10, 3, 0], [2, 9, 0, 0]])
SIZES = {"width": WIDTH, "hidden": HIDDEN, "layers": 2, "dropout": 0.0}
ATTENTIVE = [(score, feeding) for score in ("additive", "dot") for feeding in (False, True)]


def array(tensor):
    return tensor.detach().numpy()


def stirred(model):
    """The model in float64, with every weight and bias at random."""
    generator = torch.Generator().manual_seed(0)
    for p in model.double().parameters():
        p.data = 0.6 * torch.randn(p.shape, dtype=torch.float64, generator=generator)
    return model


def same(found, expected, atol=1e-12):
    np.testing.assert_allclose(array(found), expected, rtol=0, atol=atol)


def linear(layer):
    bias = np.zeros(len(layer.weight)) if layer.bias is None else array(layer.bias)
    return array(layer.weight), bias


def weights(rnn):
    return [tuple(array(w) for w in place) for place in rnn.all_weights]


def pairs(rnn):
    found = weights(rnn)
    return list(zip(found[::2], found[1::2], strict=True))


def nothing(cell):
    """The states that a bidirectional network of two layers begins from."""
    zeros = tuple(np.zeros(HIDDEN) for _ in range(2 if cell == "lstm" else 1))
    return [(zeros, zeros)] * 2


def encoded(model, cell, row):
    """e, the context and the decoder's first states of one sentence, by the equations."""
    encoder, words = model.encoder, SOURCE[row, : LENGTHS[row]]
    X = array(encoder.embedding.weight)[words]
    e, ends = equations.encode(STEPS[cell], X, pairs(encoder.rnn), nothing(cell))
    return e, ends[-1][0], equations.bridge(ends, [linear(bridge) for bridge in encoder.bridges])


@pytest.mark.parametrize("cell", STEPS)
def test_seq2seq_equals_the_equations(cell):
    model = stirred(seq2seq(WORDS, OTHERS, cell=cell, **SIZES))
    logits = model(SOURCE, LENGTHS, TARGET)
    assert logits.shape == (3, 4, OTHERS)
    for row in range(3):
        _, context, states = encoded(model, cell, row)
        Y = array(model.embedding.weight)[TARGET[row]]
        expected = equations.decode(STEPS[cell], Y, weights(model.rnn), states, context, *linear(model.output))
        same(logits[row], expected)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize(("score", "feeding"), ATTENTIVE)
def test_seq2seq_with_attention_equals_the_equations(cell, score, feeding):
    model = stirred(seq2seq_attention(WORDS, OTHERS, cell=cell, score=score, feeding=feeding, **SIZES))
    logits, drawn = model(SOURCE, LENGTHS, TARGET), model.attention(SOURCE, LENGTHS, TARGET)["cross"]
    assert drawn.shape == (1, 3, 1, 4, 5)
    projections = array(model.score.W_q.weight), array(model.score.W_k.weight)

    def scored(q, e):
        if score == "dot":
            return equations.dot(q, e, *projections)
        return equations.additive(q, e, *projections, array(model.score.w_v.weight)[0])

    for row, length in enumerate(LENGTHS.tolist()):
        e, _, states = encoded(model, cell, row)
        Y = array(model.embedding.weight)[TARGET[row]]
        rest = feeding, linear(model.combine), *linear(model.output)
        expected, alpha = equations.attentive_decode(STEPS[cell], Y, states, e, weights(model.rnn), scored, *rest)
        same(logits[row], expected)
        same(drawn[0, row, 0, :, :length], alpha)
        same(drawn[0, row, 0, :, length:], 0)


def translators():
    yield seq2seq(WORDS, OTHERS, cell="lstm", **SIZES)
    for score, feeding in ATTENTIVE:
        yield seq2seq_attention(WORDS, OTHERS, score=score, feeding=feeding, **SIZES)


def systems():
    """Each network as a function of (source, lengths), with its parameters."""
    for model in translators():
        yield model, lambda source, lengths, model=model: model(source, lengths, TARGET)
    yield (tagger := bilstm_tagger(WORDS, LABELS, **SIZES)), tagger
    for pooling in ("max", "mean"):
        yield (classifier := bilstm_classifier(WORDS, LABELS, pooling=pooling, **SIZES)), classifier


@pytest.mark.parametrize("number", range(8))
def test_padding_changes_nothing(number):
    model, call = list(systems())[number]
    stirred(model)
    expected, longer = call(SOURCE, LENGTHS), F.pad(SOURCE, (0, 2), value=6)
    for row, length in enumerate(LENGTHS.tolist()):
        longer[row, length:] = torch.tensor([6, 1, 10, 4, 12, 2, 5])[: 7 - length]
    found = call(longer, LENGTHS)
    if isinstance(model, type(bilstm_tagger(WORDS, LABELS, **SIZES))):
        assert found.shape[1] == 7
        for row, length in enumerate(LENGTHS.tolist()):
            same(found[row, :length], array(expected[row, :length]))
    else:
        same(found, array(expected))
    changed = SOURCE.clone()
    changed[0, 2] = 11  # a word that is there
    assert (call(changed, LENGTHS)[0] - expected[0]).abs().max() > 1e-4


@pytest.mark.parametrize("number", range(5))
def test_what_comes_later_in_the_target_changes_nothing(number):
    model = stirred(list(translators())[number])
    expected, changed = model(SOURCE, LENGTHS, TARGET), TARGET.clone()
    changed[:, 2:] = 5
    same(model(SOURCE, LENGTHS, changed)[:, :2], array(expected[:, :2]))


@pytest.mark.parametrize("number", range(5))
def test_decoding_step_by_step_equals_all_steps_at_once(number):
    model = stirred(list(translators())[number])
    rows = torch.tensor([1, 1, 0, 2, 1])
    expected, memory = model(SOURCE, LENGTHS, TARGET)[rows], model.encode(SOURCE, LENGTHS).select(rows)
    assert len(memory) == 5
    for step in range(4):
        logits, memory = model.decode(TARGET[rows, step : step + 1], memory)
        assert logits.shape == (5, 1, OTHERS)
        same(logits[:, 0], array(expected[:, step]))
        turned = torch.tensor([4, 3, 2, 1, 0])
        rows, expected, memory = rows[turned], expected[turned], memory.select(turned)


@pytest.mark.parametrize("number", range(8))
def test_a_new_network_is_uniform(number):
    torch.manual_seed(0)
    _, call = list(systems())[number]
    logits = call(SOURCE, LENGTHS)
    classes = logits.shape[-1]
    loss = F.cross_entropy(logits.reshape(-1, classes), torch.arange(logits.numel() // classes) % classes)
    assert loss.item() == pytest.approx(math.log(classes), abs=1e-6)


@pytest.mark.parametrize("number", range(8))
def test_gradients_equal_finite_differences(number):
    model, _ = list(systems())[number]
    stirred(model)
    names, values = zip(*model.named_parameters(), strict=True)
    target = (TARGET,) if hasattr(model, "decode") else ()

    def function(*values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (SOURCE, LENGTHS, *target))

    assert torch.autograd.gradcheck(function, values, fast_mode=True)


def spelling():
    return bilstm_tagger(WORDS, LABELS, ALPHABET, characters=FILTERS, **SIZES)


def test_tagger_that_reads_letters_equals_the_equations():
    model = stirred(spelling())
    rest = pairs(model.rnn), nothing("lstm"), *linear(model.output)
    spelt = array(model.letters.embedding.weight), *linear(model.letters.convolution)
    found, words = model(SOURCE, LENGTHS, CHARACTERS), array(model.embedding.weight)
    for row, length in enumerate(LENGTHS.tolist()):
        letters = SPELLINGS[row][:length]
        expected = tagger_equations.forward(SOURCE[row, :length].tolist(), words, *rest, letters, spelt)
        same(found[row, :length], expected)


def test_letters_that_are_not_there_change_nothing():
    """Whatever the longest word of the batch, and whatever padding is called."""
    model = stirred(spelling())
    expected = model(SOURCE, LENGTHS, CHARACTERS)
    same(model(SOURCE, LENGTHS, F.pad(CHARACTERS, (0, 3))), array(expected))
    model.letters.embedding.weight.data[0] += 1.0
    same(model(SOURCE, LENGTHS, CHARACTERS), array(expected))
    beyond = CHARACTERS.clone()
    beyond[0, 3:] = 13  # behind the end of the sentence
    same(model(SOURCE, LENGTHS, beyond)[0, :3], array(expected[0, :3]))
    model(SOURCE, LENGTHS, CHARACTERS).sum().backward()
    assert not model.letters.embedding.weight.grad[0].any()


def test_gradients_through_letters_equal_finite_differences():
    model = stirred(spelling())
    names, values = zip(*model.named_parameters(), strict=True)

    def function(*values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (SOURCE, LENGTHS, CHARACTERS))

    assert torch.autograd.gradcheck(function, values, fast_mode=True)


def test_tagger_equals_the_equations():
    model = stirred(bilstm_tagger(WORDS, LABELS, **SIZES))
    rest = pairs(model.rnn), nothing("lstm"), *linear(model.output)
    for row, length in enumerate(LENGTHS.tolist()):
        expected = tagger_equations.forward(SOURCE[row, :length].tolist(), array(model.embedding.weight), *rest)
        same(model(SOURCE, LENGTHS)[row, :length], expected)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_classifier_equals_the_equations(pooling):
    model = stirred(bilstm_classifier(WORDS, LABELS, pooling=pooling, **SIZES))
    rest = pairs(model.rnn), nothing("lstm"), *linear(model.output), pooling
    for row, length in enumerate(LENGTHS.tolist()):
        expected = classifier_equations.forward(SOURCE[row, :length].tolist(), array(model.embedding.weight), *rest)
        same(model(SOURCE, LENGTHS)[row], expected)


def test_attention_weights_of_a_sentence_sum_to_one():
    model = seq2seq_attention(WORDS, OTHERS, **SIZES)
    drawn = model.attention(SOURCE, LENGTHS, TARGET)["cross"]
    torch.testing.assert_close(drawn.sum(-1), torch.ones(1, 3, 1, 4))
