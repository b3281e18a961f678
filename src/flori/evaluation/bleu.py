"""BLEU: how many of a translation's n-grams stand in the reference, the book's of a sentence and that of a corpus.

With P tokens of the translation, L of the reference, and p_n the share of its n-grams that stand in the reference, none
counted more often than it stands there:

book     exp(min(0, 1 − L/P)) ∏_{n=1}^k p_n^(1/2ⁿ)              (Dive into Deep Learning, section 10.7)
corpus   exp(min(0, 1 − L/P)) ∏_{n=1}^N p_n^(1/N)  with all counts summed over the sentences (Papineni et al. 2002)

Tokens are whatever can be compared and hashed: words, or their numbers. Fractions, not per cent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Literal

Tokens = Sequence[Hashable]
Smoothing = Literal["none", "exp", "floor", "add-k"]

BETTER = ("bleu", True)
"""The score that runs are compared by, and whether more of it is better."""


def matches(translation: Tokens, reference: Tokens, most: int = 4) -> list[tuple[int, int]]:
    """For n = 1 … `most` how many n-grams of the translation stand in the reference, and how many it has."""
    found = []
    for n in range(1, most + 1):
        said, there = (Counter(zip(*(text[i:] for i in range(n)), strict=False)) for text in (translation, reference))
        found.append(((said & there).total(), said.total()))
    return found


def book_bleu(translation: Tokens, reference: Tokens, k: int = 2) -> float:
    """The book's BLEU of one sentence. Of a translation of P < k tokens only n-grams up to n = P count, and an empty
    one scores 0, unless there was nothing to say."""
    if not len(translation):
        return float(not len(reference))
    score = _brevity(len(translation), len(reference))
    for n, (found, there) in enumerate(matches(translation, reference, min(k, len(translation))), 1):
        score *= (found / there) ** 0.5**n
    return score


def corpus_bleu(
    translations: Sequence[Tokens],
    references: Sequence[Tokens],
    *,
    most: int = 4,
    smoothing: Smoothing = "exp",
    amount: float | None = None,
    effective: bool = False,
) -> float:
    """BLEU of a corpus, equal to sacrebleu's (Post 2018) for text that is already divided into tokens.

    Args:
        translations, references: sentence by sentence, one reference each. Raises ValueError for unequal numbers.
        most: N, the longest n-grams that count.
        smoothing: of precisions that would be 0 (Chen and Cherry 2014): exp halves again for each of them, floor counts
            `amount` (0.1) matches; add-k adds `amount` (1) to all counts of n > 1.
        effective: leave out n for which no translation is long enough; else such a corpus scores 0.
    """
    if len(translations) != len(references):
        raise ValueError(f"{len(translations)} translations, but {len(references)} references")
    counts = [[0.0, 0.0] for _ in range(most)]
    for pair in zip(translations, references, strict=True):
        for total, one in zip(counts, matches(*pair, most), strict=True):
            total[0], total[1] = total[0] + one[0], total[1] + one[1]
    if not any(found for found, _ in counts):
        return 0.0
    if smoothing == "add-k":
        counts[1:] = [[count + (1 if amount is None else amount) for count in pair] for pair in counts[1:]]
    precisions = _smoothed([(found, there) for found, there in counts if there], smoothing, amount)
    if min(precisions) == 0 or (len(precisions) < most and not effective):
        return 0.0
    brevity = _brevity(sum(map(len, translations)), sum(map(len, references)))
    return brevity * math.exp(sum(map(math.log, precisions)) / len(precisions))


def _brevity(said: int, wanted: int) -> float:
    return math.exp(min(0.0, 1 - wanted / said))


def _smoothed(counts: list[tuple[float, float]], smoothing: Smoothing, amount: float | None) -> list[float]:
    """The precisions, those of no match smoothed by exp or floor."""
    precisions, instead = [], 1.0
    for found, there in counts:
        if not found:
            instead /= 2
            found = {"exp": instead, "floor": 0.1 if amount is None else amount}.get(smoothing, 0.0)
        precisions.append(found / there)
    return precisions
