"""BLEU against the equations and against numbers worked by hand."""

import math
import random

import pytest

from flori.evaluation.bleu import book_bleu, corpus_bleu, matches
from flori.reference import bleu as oracle

LABEL, SAID = list("ABCDEF"), list("ABBCD")


def test_the_example_of_the_notes():
    assert matches(SAID, LABEL) == [(4, 5), (3, 4), (1, 3), (0, 2)]
    assert [oracle.matches(SAID, LABEL, n) for n in (1, 2, 3, 4)] == matches(SAID, LABEL)


def test_the_books_score_by_hand():
    brevity = math.exp(1 - 6 / 5)
    assert book_bleu(SAID, LABEL, 2) == pytest.approx(brevity * (4 / 5) ** (1 / 2) * (3 / 4) ** (1 / 4), abs=1e-15)
    third = (1 / 3) ** (1 / 8)
    assert book_bleu(SAID, LABEL, 3) == pytest.approx(book_bleu(SAID, LABEL, 2) * third, abs=1e-15)
    assert book_bleu(SAID, LABEL, 4) == 0
    assert book_bleu(LABEL, LABEL, 4) == 1


def test_a_longer_translation_is_not_punished_for_its_length():
    assert book_bleu([*LABEL, "G"], LABEL, 1) == pytest.approx((6 / 7) ** 0.5, abs=1e-15)


@pytest.mark.parametrize(
    ("said", "label", "expected"),
    [
        ([], LABEL, 0.0),
        ([], [], 1.0),
        (["A"], [], 0.0),
        (["A"], ["A"], 1.0),
        (["A"], LABEL, math.exp(1 - 6)),
        (["A", "B"], ["A", "B", "C"], math.exp(1 - 3 / 2)),
        (["Z"], LABEL, 0.0),
    ],
)
def test_empty_and_short_translations(said, label, expected):
    assert book_bleu(said, label, 4) == pytest.approx(expected, abs=1e-15)
    assert oracle.book(said, label, 4) == pytest.approx(expected, abs=1e-15)
    assert 0 <= corpus_bleu([said], [label]) <= 1


def sentences(seed, count=31):
    """Pairs of sentences over few words, so that n-grams repeat; the second changes some words of the first."""
    draw = random.Random(seed)
    for _ in range(count):
        truth = [draw.randrange(7) for _ in range(draw.randrange(23))]
        yield [word if draw.random() < 0.8 else draw.randrange(7) for word in truth[: draw.randrange(29)]], truth


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_the_equations(seed):
    said, truth = zip(*sentences(seed), strict=True)
    for one, other in zip(said, truth, strict=True):
        for k in (1, 2, 4):
            assert book_bleu(one, other, k) == pytest.approx(oracle.book(one, other, k), abs=1e-14)
    score = corpus_bleu(said, truth)
    assert 0.1 < score < 1
    assert score == pytest.approx(oracle.corpus(said, truth), abs=1e-14)


def test_counts_are_summed_over_the_corpus_before_they_are_divided():
    """By hand: 1-grams 3 of 6, 2-grams 2 of 4; lengths 6 and 6."""
    said, truth = [["A", "B", "C"], ["X", "Y", "Z"]], [["A", "B", "C"], ["P", "Q", "R"]]
    assert corpus_bleu(said, truth, most=2) == pytest.approx(0.5, abs=1e-15)


def test_smoothing_by_hand():
    """1-grams 4/5, 2-grams 3/4, 3-grams 1/3, 4-grams 0/2."""
    brevity = math.exp(1 - 6 / 5)

    def expected(*precisions):
        return pytest.approx(brevity * math.prod(precisions) ** (1 / len(precisions)), abs=1e-15)

    assert corpus_bleu([SAID], [LABEL], smoothing="none") == 0
    assert corpus_bleu([SAID], [LABEL]) == expected(4 / 5, 3 / 4, 1 / 3, 0.5 / 2)
    assert corpus_bleu([SAID], [LABEL], smoothing="floor") == expected(4 / 5, 3 / 4, 1 / 3, 0.1 / 2)
    assert corpus_bleu([SAID], [LABEL], smoothing="floor", amount=0.4) == expected(4 / 5, 3 / 4, 1 / 3, 0.4 / 2)
    assert corpus_bleu([SAID], [LABEL], smoothing="add-k") == expected(4 / 5, 4 / 5, 2 / 4, 1 / 3)
    assert corpus_bleu([SAID], [LABEL], smoothing="add-k", amount=2) == expected(4 / 5, 5 / 6, 3 / 5, 2 / 4)


def test_effective_orders_leave_out_what_is_too_long_for_all():
    said, truth = [["A", "B"]], [["A", "B", "C"]]
    assert corpus_bleu(said, truth) == 0
    assert corpus_bleu(said, truth, effective=True) == pytest.approx(math.exp(1 - 3 / 2), abs=1e-15)


def test_nothing_in_common_scores_nothing():
    assert corpus_bleu([["A"], []], [["B"], ["C"]]) == 0
    assert corpus_bleu([], []) == 0


def test_unequal_numbers_of_sentences_are_refused():
    with pytest.raises(ValueError, match="2 translations, but 1 references"):
        corpus_bleu([["A"], ["B"]], [["A"]])
