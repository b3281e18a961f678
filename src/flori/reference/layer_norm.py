"""Layer normalisation, literally, of one vector x [d] (Ba, Kiros and Hinton 2016).

μ = 1/d Σ_i x_i,   σ² = 1/d Σ_i (x_i − μ)²,   y_i = γ_i (x_i − μ) / √(σ² + ε) + β_i
"""

import math

import numpy as np


def layer_norm(x, gamma, beta, epsilon=1e-5):
    d = len(x)
    mean = variance = 0.0
    for i in range(d):
        mean += x[i] / d
    for i in range(d):
        variance += (x[i] - mean) ** 2 / d
    y = np.zeros(d)
    for i in range(d):
        y[i] = gamma[i] * (x[i] - mean) / math.sqrt(variance + epsilon) + beta[i]
    return y
