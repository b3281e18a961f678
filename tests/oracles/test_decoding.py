"""Greedy, beam and exhaustive search and sampling against their literal forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch

from flori.core.errors import UserError
from flori.prediction.beam import beam_search
from flori.prediction.decoding import NOTHING, Rules, best, collected, greedy, stepwise
from flori.prediction.exhaustive import exhaustive
from flori.prediction.sampling import Sampling, drawn, kept, sample
from flori.reference import beam_search as oracle

SENTENCES, HIDDEN, WORDS, LIMIT, END, BEGIN = 5, 3, 7, 4, 2, 1


@dataclass
class Memory:
    """What a toy recurrent network remembers, [N, H]."""

    state: torch.Tensor

    def select(self, rows):
        return Memory(self.state[rows])


class Toy:
    """h ← tanh(Wh + E_x), logits = Uh·sharpness: what follows depends on all that was said, and on the sentence."""

    def __init__(self, seed=0, words=WORDS, sharpness=3.0):
        g = np.random.default_rng(seed)
        self.W, self.E = g.normal(size=(HIDDEN, HIDDEN)), g.normal(size=(words, HIDDEN)) * 2
        self.U = g.normal(size=(words, HIDDEN)) * sharpness
        self.begin = g.normal(size=(SENTENCES, HIDDEN))
        self.rows = []  # how many were computed at each step

    def step(self, tokens, memory):
        self.rows.append(len(tokens))
        h = memory.state
        for token in tokens.T:
            h = torch.tanh(h @ torch.tensor(self.W).T + torch.tensor(self.E)[token])
        return h @ torch.tensor(self.U).T, Memory(h)

    def memory(self, sentences=slice(None)):
        return Memory(torch.tensor(self.begin)[sentences])

    def chances(self, sentence):
        """p(words) for the oracle: the same network, in numpy."""

        @cache
        def p(words):
            h = self.begin[sentence]
            for token in (BEGIN, *words):
                h = np.tanh(self.W @ h + self.E[token])
            o = np.exp(self.U @ h)
            return o / o.sum()

        return p


def start(count=SENTENCES):
    return torch.full((count, 1), BEGIN)


def without_end(words):
    return [word for word in words if word != END]


@pytest.mark.parametrize("seed", range(5))
def test_greedy_search_equals_the_oracle(seed):
    toy = Toy(seed)
    found = collected(greedy(toy.step, start(), toy.memory(), Rules(LIMIT, END)), END)
    assert found == [without_end(oracle.greedy(toy.chances(i), LIMIT, END)) for i in range(SENTENCES)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("end", [END, None])
def test_a_beam_of_one_is_greedy_search(seed, end):
    toy, rules = Toy(seed), Rules(11, end)
    said = collected(greedy(toy.step, start(), toy.memory(), rules), end)
    assert [found.tokens for found in beam_search(toy.step, start(), toy.memory(), rules, beams=1)] == said


def test_a_beam_of_one_is_greedy_search_where_halves_are_equal():
    logits = torch.zeros(3, 257, dtype=torch.bfloat16)
    logits[0, [200, 5]], logits[1, [255, 254]] = 2, 3

    def step(tokens, memory):
        return logits[: len(tokens)], None

    rules = Rules(5)
    said = collected(greedy(step, start(3), None, rules))
    assert said == [[5] * 5, [254] * 5, [0] * 5]
    assert [found.tokens for found in beam_search(step, start(3), None, rules, beams=1)] == said


@pytest.mark.parametrize("alpha", [0.0, 0.75, 2.0])
@pytest.mark.parametrize("beams", [2, 3, 5])
def test_beam_search_equals_the_oracle_of_each_sentence(beams, alpha):
    endings = set()
    for seed in range(3):
        toy = Toy(seed)
        found = beam_search(toy.step, start(), toy.memory(), Rules(LIMIT, END), beams, alpha)
        for i, hypothesis in enumerate(found):
            p = toy.chances(i)
            words = oracle.beam_search(p, WORDS, LIMIT, END, beams, alpha)
            assert hypothesis.tokens == without_end(words)
            assert abs(hypothesis.score - oracle.score(p, words, alpha)) < 1e-12
            endings.add((words[-1] == END, len(words)))
    assert len(endings) > 3 or alpha > 1, "sentences that end early and late were both looked at"


@pytest.mark.parametrize("alpha", [0.0, 0.75])
def test_a_beam_of_full_width_is_exhaustive_search(alpha):
    toy, rules = Toy(3, words=5), Rules(LIMIT, END)
    wide = beam_search(toy.step, start(), toy.memory(), rules, 5**LIMIT, alpha)
    whole = exhaustive(toy.step, start(), toy.memory(), rules, alpha)
    for i in range(SENTENCES):
        words = oracle.exhaustive(toy.chances(i), 5, LIMIT, END, alpha)
        assert wide[i].tokens == whole[i].tokens == without_end(words)
        assert abs(wide[i].score - whole[i].score) < 1e-12
        assert abs(whole[i].score - oracle.score(toy.chances(i), words, alpha)) < 1e-12


def chain(table):
    """A step whose logits follow from the last token alone, by rows of probabilities."""
    logits = torch.tensor(table, dtype=torch.float64).log()
    return lambda tokens, memory: (logits[tokens[:, -1]], memory)


def test_greedy_search_can_miss_what_a_beam_finds():
    """By hand: greedy says 0, 0: 0.5 · 0.4 · 0.4; better is 1, 1: 0.4 · 0.9 · 0.9."""
    step = chain([[0.4, 0.3, 0.3], [0.05, 0.9, 0.05], [0.5, 0.4, 0.1]])
    assert collected(greedy(step, torch.tensor([[2]]), None, Rules(3))) == [[0, 0, 0]]
    (found,) = beam_search(step, torch.tensor([[2]]), None, Rules(3), beams=2, alpha=1.0)
    assert found.tokens == [1, 1, 1]
    assert abs(found.score - math.log(0.4 * 0.9 * 0.9) / 3) < 1e-12


@pytest.mark.parametrize(("alpha", "tokens", "chance", "length"), [(0.0, [], 0.35, 1), (1.0, [1, 1], 0.312, 3)])
def test_a_hypothesis_that_ended_is_kept_beside_longer_ones(alpha, tokens, chance, length):
    """By hand, with <eos> 0: it ends at once with 0.35, or after 1, 1 with 0.65 · 0.8 · 0.6 = 0.312."""
    step = chain([[1, 0, 0], [0.2, 0.8, 0], [0.35, 0.65, 0]])
    after_two = chain([[1, 0, 0], [0.6, 0.4, 0], [0.35, 0.65, 0]])

    def counted(tokens, memory):
        seen = 0 if memory is None else memory.state
        return (after_two if seen == 2 else step)(tokens, None)[0], Kept(seen + 1)

    (found,) = beam_search(counted, torch.tensor([[2]]), None, Rules(3, 0), beams=2, alpha=alpha)
    assert found.tokens == tokens
    assert abs(found.score - math.log(chance) / length**alpha) < 1e-12


class Kept(Memory):
    """A memory that is the same for all rows."""

    def select(self, rows):
        return self


@pytest.mark.parametrize("exact", [True, False])
def test_a_sentence_does_not_depend_on_the_others_of_its_batch(exact):
    limits = torch.tensor([7, 1, 3, 5, 2])
    toy = Toy(1)
    together = beam_search(toy.step, start(), toy.memory(), Rules(limits, END), 3, exact=exact)
    said = collected(greedy(toy.step, start(), toy.memory(), Rules(limits, END)), END)
    for i in range(SENTENCES):
        rules, one = Rules(int(limits[i]), END), slice(i, i + 1)
        (alone,) = beam_search(toy.step, start(1), toy.memory(one), rules, 3, exact=exact)
        assert alone.tokens == together[i].tokens
        assert abs(alone.score - together[i].score) < 1e-12
        assert collected(greedy(toy.step, start(1), toy.memory(one), rules), END) == [said[i]]


def test_sentences_that_are_done_are_not_computed_any_more():
    toy = Toy(1)
    beam_search(toy.step, start(), toy.memory(), Rules(torch.tensor([7, 1, 3, 5, 2])), 3)
    assert toy.rows == [5, 4 * 3, 3 * 3, 2 * 3, 2 * 3, 3, 3]
    toy.rows.clear()
    list(greedy(toy.step, start(), toy.memory(), Rules(torch.tensor([7, 1, 3, 5, 2]))))
    assert toy.rows == [5, 4, 3, 2, 2, 1, 1]


def test_search_stops_when_nothing_can_get_better():
    """<eos> 0 has 0.9 at once; what lives on has at most 0.1, and no length makes that better."""
    step, rows = chain([[1, 0, 0], [0.9, 0.05, 0.05], [0.9, 0.05, 0.05]]), []

    def counted(tokens, memory):
        rows.append(len(tokens))
        return step(tokens, memory)

    (found,) = beam_search(counted, torch.tensor([[2]]), None, Rules(10, 0), beams=2)
    assert (found.tokens, len(rows)) == ([], 1)


def test_stopping_at_k_ended_hypotheses_is_sooner():
    """<eos> 0 ends four hypotheses within three steps, but one of ten tokens scores higher."""
    step = chain([[1, 0, 0, 0], [0.015, 0.985, 0, 0], [0.97, 0.01, 0.02, 0], [0.3, 0.35, 0.35, 0]])
    rules, first = Rules(10, 0), torch.tensor([[3]])
    (exact,), (soon,) = (beam_search(step, first, None, rules, 3, 1.0, exact=choice) for choice in (True, False))
    assert exact.tokens == [1] * 10
    assert soon.tokens == [2]
    assert abs(soon.score - math.log(0.35 * 0.97) / 2) < 1e-12


def test_forbidden_tokens_are_never_said_and_the_others_share_their_probability():
    toy, rules = Toy(2), Rules(6, END, forbidden=(0, 5))
    masked = Toy(2)

    def step(tokens, memory):
        logits, memory = masked.step(tokens, memory)
        logits[:, [0, 5]] = -math.inf
        return logits, memory

    found = beam_search(toy.step, start(), toy.memory(), rules, 3)
    assert found == beam_search(step, start(), toy.memory(), Rules(6, END), 3)
    for tokens in greedy(toy.step, start(), toy.memory(), rules):
        assert not {0, 5} & set(tokens.tolist())
    for tokens in sample(toy.step, start(), toy.memory(), Rules(31, None, (0, 5)), Sampling(9.0)):
        assert not {0, 5} & set(tokens.tolist())


def test_a_step_does_not_change_the_logits_that_it_was_given():
    logits = torch.randn(SENTENCES, WORDS, dtype=torch.float64)
    before = logits.clone()

    def step(tokens, memory):
        return logits[: len(tokens)], memory

    rules = Rules(3, END, (0,))
    list(greedy(step, start(), None, rules))
    list(sample(step, start(), None, rules, Sampling(0.5, 3, 0.9)))
    beam_search(lambda tokens, memory: (logits[:1].expand(len(tokens), -1), memory), start(), None, rules)
    assert torch.equal(logits, before)


def test_half_precision_is_widened_before_sums_are_taken():
    """4,099 equal words: a sum of so many halves would stop growing at 256."""

    def step(tokens, memory):
        return torch.full((len(tokens), 4099), 1e4, dtype=torch.bfloat16), memory

    (found,) = beam_search(step, start(1), None, Rules(3), alpha=1.0)
    assert abs(found.score + math.log(4099)) < 1e-5


def test_tokens_come_one_by_one():
    toy = Toy()
    for how in (greedy, lambda *words: sample(*words, Sampling())):
        toy.rows.clear()
        said = how(toy.step, start(), toy.memory(), Rules(5))
        assert toy.rows == []
        next(said)
        next(said)
        assert len(toy.rows) == 2


def test_what_follows_an_end_is_nothing():
    step = chain([[0, 1, 0], [0, 0, 1], [0, 1, 0]])
    said = list(greedy(step, torch.tensor([[0], [1]]), None, Rules(3, 2)))
    assert torch.stack(said, 1).tolist() == [[1, 2], [2, NOTHING]]
    assert collected(said, 2) == [[1], []]


def test_a_prompt_is_read_whole():
    toy, prompt = Toy(4), torch.tensor([[BEGIN, 3, 6], [BEGIN, 0, 4]])
    two, rules = slice(0, 2), Rules(5, END)
    said = collected(greedy(toy.step, prompt, toy.memory(two), rules), END)
    memory = toy.step(prompt[:, :-1], toy.memory(two))[1]
    assert said == collected(greedy(toy.step, prompt[:, -1:], memory, rules), END)


def test_a_networks_pass_becomes_a_step():
    logits = torch.randn(2, 3, WORDS)
    step = stepwise(lambda tokens, memory: (logits, memory))
    assert torch.equal(step(torch.zeros(2, 3, dtype=torch.int64), None)[0], logits[:, 2])


def test_no_sentence_is_no_trouble():
    toy, none = Toy(), torch.zeros(0, 1, dtype=torch.int64)
    assert beam_search(toy.step, none, toy.memory(slice(0, 0)), Rules(3)) == []
    assert list(greedy(toy.step, none, toy.memory(slice(0, 0)), Rules(3))) == []


@pytest.mark.parametrize("how", [{"beams": 0}, {"alpha": -0.5}])
def test_beams_that_mean_nothing_are_refused(how):
    with pytest.raises(ValueError, match="beam search wants"):
        beam_search(Toy().step, start(), Toy().memory(), Rules(3), **how)


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to say"):
        beam_search(Toy().step, start(), Toy().memory(), Rules(0))


def test_too_much_for_exhaustive_search_is_refused():
    with pytest.raises(ValueError, match="exhaustive"):
        exhaustive(Toy().step, start(), Toy().memory(), Rules(30))


@pytest.mark.parametrize("how", [{"temperature": -1.0}, {"temperature": math.nan}, {"top_k": 0}, {"top_p": 0.0}])
def test_sampling_that_means_nothing_is_refused(how):
    with pytest.raises(UserError, match=next(iter(how)).replace("_", "-")):
        Sampling(**how)


PROBABILITIES = [0.05, 0.5, 0.0, 0.25, 0.2]
MANY = 40009


def frequencies(how, probabilities=PROBABILITIES):
    logits = torch.tensor(probabilities).log().expand(MANY, -1)
    said = next(sample(lambda tokens, memory: (logits, memory), start(MANY), None, Rules(1), how))
    return torch.bincount(said, minlength=len(probabilities)).double() / MANY


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Sampling(), PROBABILITIES),
        (Sampling(seed=7, top_p=1.0), PROBABILITIES),
        (Sampling(top_k=2), [0, 2 / 3, 0, 1 / 3, 0]),
        (Sampling(top_k=1), [0, 1, 0, 0, 0]),
        (Sampling(top_p=0.7), [0, 2 / 3, 0, 1 / 3, 0]),
        (Sampling(top_p=0.8), [0, 0.5 / 0.95, 0, 0.25 / 0.95, 0.2 / 0.95]),
        (Sampling(top_p=1e-9), [0, 1, 0, 0, 0]),
        (Sampling(temperature=0.5, top_k=2), [0, 0.8, 0, 0.2, 0]),  # probabilities squared
        (Sampling(temperature=0.5, top_p=0.8), [0, 0.8, 0, 0.2, 0]),
        (Sampling(temperature=0.0), [0, 1, 0, 0, 0]),
        (Sampling(temperature=1e-300), [0, 1, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_probable(how, expected):
    found, expected = frequencies(how), torch.tensor(expected, dtype=torch.float64)
    deviation = (expected * (1 - expected) / MANY).sqrt()
    assert ((found - expected).abs() <= 5 * deviation).all()


def test_of_equal_tokens_top_k_keeps_k():
    assert int((frequencies(Sampling(top_k=3), [1 / 7] * 7) > 0).sum()) == 3


def test_the_edges_of_a_draw():
    """The least and the greatest chance draw the first and the last token that have any probability."""
    logits = torch.tensor([[0.0, 0.5, 0.5, 0.0]]).log()
    chances = torch.tensor([[0.0], [1 - 2**-53]], dtype=torch.float64)
    assert drawn(logits.expand(2, -1), chances, Sampling()).tolist() == [1, 2]


def test_probabilities_of_large_logits_are_finite():
    probabilities, tokens = kept(torch.tensor([[1e4, -1e4, 9999.0]]), Sampling(temperature=1e-3, top_p=0.5))
    assert probabilities.tolist() == [[1.0, 0.0, 0.0]] and tokens.tolist() == [[0, 2, 1]]


def test_the_same_seed_draws_the_same_and_another_does_not():
    toy = Toy(sharpness=0.3)

    def drawn_with(seed):
        return collected(sample(toy.step, start(), toy.memory(), Rules(17), Sampling(seed=seed)))

    assert drawn_with(3) == drawn_with(3)
    assert drawn_with(3) != drawn_with(4)


def test_draws_depend_on_the_sentence_and_not_on_the_others():
    toy = Toy(sharpness=0.3)
    rules = Rules(17, END)
    together = collected(sample(toy.step, start(), toy.memory(), rules, Sampling(seed=5)), END)
    for i in range(SENTENCES):
        alone = sample(toy.step, start(1), toy.memory(slice(i, i + 1)), rules, Sampling(seed=5), torch.tensor([i]))
        assert collected(alone, END) == [together[i]]
    same = Memory(toy.memory().state[:1].expand(SENTENCES, -1))
    assert len({tuple(words) for words in collected(sample(toy.step, start(), same, Rules(17), Sampling()))}) > 1


@pytest.mark.parametrize("words", [8209, 8281, 9999])
def test_the_first_of_equal_words_among_many(words):
    values = torch.randn(8, words).round(decimals=1)
    values[1, -2:], values[2, [5, words - 1]], values[3] = 9, 9, 0
    largest, places = best(values, 1)
    expected, where = values.max(1, keepdim=True)
    assert torch.equal(largest, expected)
    assert torch.equal(places, where)


def test_nothing_is_drawn_of_what_is_no_number():
    """NaN passes no chance, so the place after the last token was drawn."""
    with pytest.raises(UserError, match="no number"):
        drawn(torch.tensor([[0.0, math.nan, 0.0]]), torch.tensor([[0.5]], dtype=torch.float64), Sampling())
