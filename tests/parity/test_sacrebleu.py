"""Corpus BLEU equals sacrebleu's on text that is already divided into tokens."""

import random

import pytest

from flori.evaluation.bleu import corpus_bleu

sacrebleu = pytest.importorskip("sacrebleu")

METHODS = [("none", None), ("exp", None), ("floor", None), ("floor", 0.3), ("add-k", None), ("add-k", 2)]


def corpus(seed, longest):
    draw = random.Random(seed)
    truth = [[f"w{draw.randrange(5)}" for _ in range(draw.randrange(1, longest))] for _ in range(13)]
    said = [[w if draw.random() < 0.7 else "x" for w in words[: draw.randrange(1, longest + 5)]] for words in truth]
    return said, truth


@pytest.mark.parametrize("effective", [False, True])
@pytest.mark.parametrize(("smoothing", "amount"), METHODS)
@pytest.mark.parametrize(("seed", "longest"), [(0, 17), (1, 17), (2, 5), (3, 3), (4, 2)])
def test_corpus_bleu(seed, longest, smoothing, amount, effective):
    said, truth = corpus(seed, longest)
    theirs = sacrebleu.metrics.BLEU(
        tokenize="none", smooth_method=smoothing, smooth_value=amount, effective_order=effective
    ).corpus_score([" ".join(words) for words in said], [[" ".join(words) for words in truth]])
    ours = corpus_bleu(said, truth, smoothing=smoothing, amount=amount, effective=effective)
    assert ours == pytest.approx(theirs.score / 100, abs=1e-12)
