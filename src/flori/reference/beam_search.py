"""Greedy, exhaustive and beam search, literally.

score(y₁ … y_L) = 1/L^α Σ_t log p(y_t | y₁ … y_{t−1})         L counts the token that ends a sentence
greedy       y_t = argmax_w p(w | y₁ … y_{t−1})
exhaustive   the best score of all sentences, V^T of them at most
beam         of all continuations of the k live sentences the k most probable are kept; those that ended leave the beam

`p(words)` gives the probabilities of the V tokens after a tuple of them. A sentence is over with the token `end` or
with T tokens.
"""

import math


def score(p, words, alpha):
    total = 0.0
    for t in range(len(words)):
        total += math.log(p(words[:t])[words[t]])
    return total / len(words) ** alpha


def is_over(words, T, end):
    return len(words) == T or (len(words) > 0 and words[-1] == end)


def greedy(p, T, end):
    words = ()
    while not is_over(words, T, end):
        chances = list(p(words))
        words = (*words, chances.index(max(chances)))
    return words


def every_sentence(V, T, end, words=()):
    if is_over(words, T, end):
        return [words]
    found = []
    for w in range(V):
        found += every_sentence(V, T, end, (*words, w))
    return found


def exhaustive(p, V, T, end, alpha=0.75):
    return max(every_sentence(V, T, end), key=lambda words: score(p, words, alpha))


def beam_search(p, V, T, end, k, alpha=0.75):
    live, over = [()], []
    while live:
        candidates = []
        for words in live:
            for w in range(V):
                candidates.append((*words, w))
        candidates.sort(key=lambda words: score(p, words, 0), reverse=True)
        kept = candidates[:k]
        over += [words for words in kept if is_over(words, T, end)]
        live = [words for words in kept if not is_over(words, T, end)]
    return max(over, key=lambda words: score(p, words, alpha))
