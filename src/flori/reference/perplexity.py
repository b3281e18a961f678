"""Perplexity, literally.

perplexity = exp(−1/n Σ_t log p(x_t | x_1 … x_{t−1}))          over all n tokens of all texts

1 for a model that is always sure and right; V for one that holds all V tokens for equally probable.
"""

import math


def loss(chances):
    """The mean of −log p, in nats a token; chances: for each text the probabilities that its tokens were given."""
    total, n = 0.0, 0
    for text in chances:
        for p in text:
            total -= math.log(p)
            n += 1
    return total / n


def perplexity(chances):
    return math.exp(loss(chances))
