"""Where a token stands, literally.

sinusoids (Vaswani et al. 2017)   P_i,2j = sin(i ω_j),   P_i,2j+1 = cos(i ω_j),   ω_j = 1/10000^(2j/d)
                                  for odd d the last sine has no cosine
a shift is a rotation             (P_i+δ,2j, P_i+δ,2j+1) = (P_i,2j cos δω_j + P_i,2j+1 sin δω_j,
                                                            P_i,2j+1 cos δω_j − P_i,2j sin δω_j), whatever i is
rotary (Su et al. 2021)           numbers j and j + d/2 of a query or key at place i are turned by i ω_j, so that
                                  the dot product of two depends on how far apart they stand alone
"""

import math

import numpy as np


def frequency(j, d):
    return 1 / 10000 ** (2 * j / d)


def sinusoid(i, d):
    """What is added to the embedding of the token at place i: [d]."""
    P = np.zeros(d)
    for c in range(d):
        angle = i * frequency(c // 2, d)
        P[c] = math.sin(angle) if c % 2 == 0 else math.cos(angle)
    return P


def shift(P, delta):
    """The sinusoid of place i, [d] for even d, → that of place i + δ, without knowing i."""
    shifted = np.zeros(len(P))
    for j in range(len(P) // 2):
        angle = delta * frequency(j, len(P))
        shifted[2 * j] = P[2 * j] * math.cos(angle) + P[2 * j + 1] * math.sin(angle)
        shifted[2 * j + 1] = P[2 * j + 1] * math.cos(angle) - P[2 * j] * math.sin(angle)
    return shifted


def rotary(x, i):
    """A query or key [d] at place i, turned."""
    turned, half = np.zeros(len(x)), len(x) // 2
    for j in range(half):
        angle = i * frequency(j, len(x))
        turned[j] = x[j] * math.cos(angle) - x[j + half] * math.sin(angle)
        turned[j + half] = x[j + half] * math.cos(angle) + x[j] * math.sin(angle)
    return turned
