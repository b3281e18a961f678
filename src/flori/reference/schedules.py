"""Schedules of the learning rate, literally: ε_k as a share of the highest rate ε₀, for the step k = 0, 1, …, n − 1.

The rate rises over the first w steps (warm-up): ε_k = (k + 1)/(w + 1). After them, with α = (k − w)/(τ − w):

linear              ε_k = (1 − α) + αε_τ
cosine, one-cycle   ε_k = ε_τ + (1 − ε_τ)(1 + cos πα)/2             one-cycle: w is 0.3n where not given
step                ε_k = 1; 0.1 from α = 1/2 on; 0.01 from α = 3/4 on; but never below ε_τ
constant            ε_k = 1
inverse-square-root ε_k = √((w + 1)/(k + 1)); but never below ε_τ

From k = τ on linear, cosine and one-cycle stay at ε_τ. τ is n where not given.
"""

import math


def share(schedule, k, w, tau, epsilon_tau):
    if k < w:
        return (k + 1) / (w + 1)
    if schedule == "constant":
        return 1.0
    if schedule == "inverse-square-root":
        return max(epsilon_tau, math.sqrt((w + 1) / (k + 1)))
    alpha = (k - w) / (tau - w)
    if schedule == "step":
        return max(epsilon_tau, 1.0 if alpha < 0.5 else 0.1 if alpha < 0.75 else 0.01)
    if k >= tau:
        return epsilon_tau
    if schedule == "linear":
        return (1 - alpha) + alpha * epsilon_tau
    return epsilon_tau + (1 - epsilon_tau) * (1 + math.cos(math.pi * alpha)) / 2
