"""Defects of the books' code with sequences, each shown absent in the networks and batches that users run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.contract import texts

import flori
from flori import models
from flori.core.recipe import Training
from flori.data.buckets import Buckets
from flori.data.language import LanguageCodec, LanguagePart
from flori.data.sequence_parts import TaggingPart, TextPart, TranslationPart
from flori.data.sequences import IGNORED, Ragged
from flori.data.vocabulary import LABELLING, LANGUAGE, TRANSLATION, Vocabulary
from flori.data.windows import Streams, Windows
from flori.evaluation.bleu import book_bleu, corpus_bleu
from flori.layers.attention import masked_softmax
from flori.prediction.translation import translations
from flori.prediction.wishes import Wishes
from flori.recipes.tasks import TASKS
from flori.reference import positions as oracle
from flori.training.state import State
from flori.training.updates import descent

WORDS, OTHERS, LABELS = 13, 11, 7
PAD, BEGIN, END = 0, 2, 3
LENGTHS = [(5, 3), (1, 7), (11, 1), (2, 2), (3, 5)]
NARROW = {"width": 8, "hidden": 8, "dropout": 0.0}
LANGUAGES = {"rnn": {}, "gru": {"tied": True}, "lstm": {}, "transformer-lm": {"heads": 2, "context": 64, "grams": 1}}
TRANSLATORS = {"seq2seq": {}, "seq2seq-attention": {}, "transformer": {"heads": 2}}
SIZES = {
    **dict.fromkeys(LANGUAGES, (OTHERS,)),
    **dict.fromkeys(TRANSLATORS, (WORDS, OTHERS)),
    "bilstm-tagger": (WORDS, LABELS),
    "bilstm-classifier": (WORDS, LABELS),
}
TASK = {
    **dict.fromkeys(LANGUAGES, "language"),
    **dict.fromkeys(TRANSLATORS, "translation"),
    **dict.fromkeys(("bilstm-tagger", "bilstm-classifier"), "tagging"),
}
PADDED = [*TRANSLATORS, "bilstm-tagger", "bilstm-classifier"]
VOCABULARY = Vocabulary("word", ["<unk>", *"abcdefghij"], LANGUAGE)


def network(system: str) -> torch.nn.Module:
    """A small network of a system in float64, with numbers at random for all weights and biases."""
    model = models.build(system, *SIZES[system], {**NARROW, **LANGUAGES.get(system, TRANSLATORS.get(system, {}))})
    generator = torch.Generator().manual_seed(1)
    for p in model.double().parameters():
        p.data = 0.5 * torch.randn(p.shape, dtype=torch.float64, generator=generator)
    return model.train()


def ragged(lengths: list[int], words: int) -> Ragged:
    draw = np.random.default_rng(0)
    return Ragged.of([draw.integers(4, words, length).tolist() for length in lengths])


def part(system: str) -> TranslationPart | TaggingPart | TextPart:
    """Five examples of very different length."""
    first, second = ([pair[side] for pair in LENGTHS] for side in (0, 1))
    if system in TRANSLATORS:
        return TranslationPart(ragged(first, WORDS), ragged(second, OTHERS), PAD, PAD, BEGIN, END)
    if system == "bilstm-tagger":
        return TaggingPart(ragged(first, WORDS), ragged(first, LABELS), PAD)
    return TextPart(ragged(first, WORDS), torch.arange(5), PAD)


def batches(system: str) -> Windows | Streams | Buckets:
    """What a network of this kind learns from, as it comes: some places have no target."""
    if system in LANGUAGES:
        kind = Windows if system == "transformer-lm" else Streams
        return kind(np.arange(103, dtype=np.uint16) % OTHERS, 5, 7)
    return Buckets(part(system), 10_000)


def loss_of(system: str, model: torch.nn.Module, batch: object, **options: object) -> torch.Tensor:
    """The loss of a batch as the update sees it; nothing is learnt."""
    training = Training(optimizer="sgd", lr=0.0, **options)
    optimizer = torch.optim.SGD([{"params": [*model.parameters()], "lr": 0.0, "highest": 0.0}])
    objective = TASKS[TASK[system]].objective(training)
    return descent(objective, training, 1, torch.device("cpu"), "float64")(State(model, optimizer), batch)


@pytest.mark.parametrize("accumulate", [1, 3, 97])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("system", SIZES)
def test_a_network_that_knows_nothing_has_the_loss_ln_v(system, smoothing, accumulate):
    """Whatever its inner layers say, the padding, and the parts that a batch is worked through in."""
    model = network(system)
    for head in model.heads:
        for p in model.get_submodule(head).parameters():
            p.data.zero_()
    seen = 0
    for batch in batches(system).epoch(0):
        loss = loss_of(system, model, batch, accumulate=accumulate, label_smoothing=smoothing)
        assert abs(float(loss) - math.log(SIZES[system][-1])) < 1e-12
        seen += int((batch.targets == IGNORED).sum())
    assert seen or system == "bilstm-classifier"


@pytest.mark.parametrize("system", PADDED)
def test_padding_counts_nothing(system):
    """The loss and the gradient of a padded batch are those of its examples alone, weighed by their targets."""
    model, whole = network(system), part(system)
    everything = whole.batch(np.arange(5))
    found = loss_of(system, model, everything)
    gradients = [p.grad.clone() for p in model.parameters()]
    total, sums = 0.0, [torch.zeros_like(g) for g in gradients]
    for i in range(5):
        alone = whole.batch(np.array([i]))
        total += float(loss_of(system, model, alone)) * alone.count()
        sums = [s + p.grad * alone.count() for s, p in zip(sums, model.parameters(), strict=True)]
    assert float(found) == pytest.approx(total / everything.count(), abs=1e-12)
    for s, g in zip(sums, gradients, strict=True):
        torch.testing.assert_close(g, s / everything.count(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("system", PADDED)
def test_no_state_is_read_at_a_padded_step(system):
    """What stands in padded places may be anything: the last state of every sentence is that after its own end."""
    model, batch = network(system), part(system).batch(np.arange(5))
    given = "source" if system in TRANSLATORS else "inputs"
    tokens, lengths = (batch.source, batch.source_lengths) if system in TRANSLATORS else (batch.inputs, batch.lengths)
    behind = torch.arange(tokens.shape[1]) >= lengths[:, None]
    other = replace(batch, **{given: torch.where(behind, WORDS - 1, tokens)})
    assert behind.any() and not torch.equal(getattr(other, given), tokens)
    assert float(loss_of(system, model, other)) == pytest.approx(float(loss_of(system, model, batch)), abs=1e-13)


def test_a_vocabularys_padding_is_not_its_unknown_word():
    for special in (LABELLING, TRANSLATION):
        for kind in ("char", "word", "wordpiece"):
            vocabulary = Vocabulary.build(["a b <pad>"], kind, special=special)
            assert vocabulary.pad is not None and vocabulary.pad != vocabulary.unknown
            said = vocabulary.encode("<pad> Ω <eos>")
            assert vocabulary.unknown in said and not {vocabulary.pad, vocabulary.begin, vocabulary.end} & {*said}


@pytest.mark.parametrize("order", ["random", "sequential"])
@pytest.mark.parametrize("count", [2, 97, 100, 1009])
def test_no_tail_of_a_corpus_is_dropped(order, count):
    """In training and in judging every token but the first is predicted once."""
    codec = LanguageCodec(VOCABULARY, 7, order)
    whole = LanguagePart(np.arange(count, dtype=np.uint16), "")
    made = codec.batches(whole, 5, torch.device("cpu"), torch.float32)
    for found in (made.epoch(0), made.epoch(1), made.in_order()):
        targets = torch.cat([batch.targets.flatten() for batch in found])
        assert targets[targets != IGNORED].sort()[0].tolist() == list(range(1, count))


def test_short_and_empty_translations_have_a_bleu():
    assert book_bleu([], ["a"], 4) == 0 and book_bleu([], [], 4) == 1
    assert book_bleu(["a"], ["a", "b", "c"], 4) == pytest.approx(math.exp(1 - 3))
    assert corpus_bleu([[]], [["a"]]) == 0 and corpus_bleu([], []) == 0
    assert 0 < corpus_bleu([[], ["a"], [*"abcde"]], [["a"], ["a"], [*"abcde"]]) < 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_masked_softmax_neither_overflows_in_halves_nor_looks_where_nothing_is(dtype):
    """−1e6 in place of a masked score, as the books have it, is −∞ in float16, and a row of them no number."""
    scores = torch.tensor([[65504.0, 65504.0, -65504.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=dtype)
    mask = torch.tensor([[True, True, True], [True, False, False], [False, False, False]])
    assert masked_softmax(scores, mask).tolist() == [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("system", ["transformer", "transformer-lm"])
def test_positions_may_have_an_odd_width(system):
    """A network of width 15 adds the sinusoids of the formula, the last sine without its cosine."""
    options = {**NARROW, "width": 15, "heads": 3, "positions": "sinusoidal"}
    model = models.build(system, *SIZES[system], options).double().eval()
    layer = model.positions if system == "transformer-lm" else model.source_positions
    added = layer(torch.zeros(1, 5, 15, dtype=torch.float64))[0]
    np.testing.assert_allclose(added, [oracle.sinusoid(i, 15) for i in range(5)], rtol=0, atol=1e-12)
    tokens = torch.tensor([[1, 2, 3, 4]])
    given = (tokens,) if system == "transformer-lm" else (tokens, torch.tensor([4]), tokens)
    found = model(*given)
    assert (found[0] if system == "transformer-lm" else found).isfinite().all()


@pytest.mark.parametrize("system", TRANSLATORS)
def test_translations_are_decoded_with_a_memory(system, monkeypatch):
    """The decoder reads one token a step, never again what it has read."""
    model, read = network(system), []
    decode = model.decode
    monkeypatch.setattr(model, "decode", lambda tokens, memory: read.append(tokens.shape[1]) or decode(tokens, memory))
    sources = [[4, 5, 6], [7], [8, 9, 10, 11, 12]]
    found = translations(model, sources, (PAD, BEGIN, END), torch.device("cpu"), "float64", beams=3)
    assert len(found) == 3 and len(read) >= max(len(one.tokens) for one in found) and set(read) == {1}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("corpus")
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        yield texts.written("Corpus", home)


SHORT = {"steps": 3, "batch": 8, "data.window": 16, "data.tokens": "char", "model.width": 8, "model.hidden": 8}


@pytest.mark.parametrize("system", ["lstm", "transformer-lm"])
def test_texts_go_on_with_a_memory_and_in_evaluation_mode(system, corpus):
    """With dropout of 0.9 the likeliest text is the same twice, to the last digit of its score; and no token is read
    twice while the context has room."""
    more = {} if system == "lstm" else {"model.heads": 2, "model.context": 64, "model.gram_rows": 97}
    run = flori.train(system, run="run", data=str(corpus), **SHORT, **more, **{"model.dropout": 0.9})
    predictor, read = run.predictor(), []
    predictor.model.register_forward_pre_hook(lambda _, given: read.append(given[0].shape[1]))
    answers = []
    for _ in range(2):
        predictor.model.train()  # as if someone had left it so
        answers += predictor.predict(["one two "], Wishes(temperature=0.0, length=56))
    assert answers[0] == answers[1]
    assert read == 2 * [8, *[1] * 55]


def test_translations_are_made_in_evaluation_mode(tmp_path):
    source = str(texts.written("Pairs", tmp_path))
    narrow = {"model.width": 8, "model.hidden": 8, "model.layers": 1, "model.dropout": 0.9, "data.least": 1}
    run = flori.train("seq2seq-attention", run="run", data=source, steps=3, **narrow)
    predictor = run.predictor()
    predictor.model.train()  # as if someone had left it so
    answers = [predictor.predict(["1 2 3"])[0] for _ in range(2)]
    assert answers[0] == answers[1] == run.predict("1 2 3")[0]
