"""BLEU, literally: how many of a translation's n-grams stand in the reference.

m_n = n-grams of the translation found in the reference, none counted more often than it stands there
p_n = m_n / (P − n + 1)              P tokens of the translation, L of the reference
book     exp(min(0, 1 − L/P)) ∏_{n=1}^k p_n^(1/2ⁿ)                 (Dive into Deep Learning, section 10.7), one sentence
corpus   exp(min(0, 1 − ΣL/ΣP)) ∏_{n=1}^4 (Σm_n / Σ(P − n + 1))^(1/4)   sums over all sentences (Papineni et al. 2002)

The book's product ends at n = P for a shorter translation, and an empty one scores 0 unless the reference is empty too.
"""

import math


def matches(translation, reference, n):
    """m_n and the number of n-grams of the translation."""
    left = []
    for i in range(len(reference) - n + 1):
        left.append(tuple(reference[i : i + n]))
    found, there = 0, 0
    for i in range(len(translation) - n + 1):
        gram = tuple(translation[i : i + n])
        there += 1
        if gram in left:
            left.remove(gram)
            found += 1
    return found, there


def brevity(P, L):
    return math.exp(min(0, 1 - L / P))


def book(translation, reference, k):
    P, L = len(translation), len(reference)
    if P == 0:
        return 1.0 if L == 0 else 0.0
    product = brevity(P, L)
    for n in range(1, min(k, P) + 1):
        found, there = matches(translation, reference, n)
        product *= (found / there) ** (1 / 2**n)
    return product


def corpus(translations, references):
    P, L = 0, 0
    for translation, reference in zip(translations, references):
        P += len(translation)
        L += len(reference)
    product = 1.0
    for n in range(1, 5):
        found, there = 0, 0
        for translation, reference in zip(translations, references):
            found_here, there_here = matches(translation, reference, n)
            found += found_here
            there += there_here
        if found == 0:
            return 0.0
        product *= (found / there) ** (1 / 4)
    return brevity(P, L) * product
