"""Batch normalisation in training, literally, for a batch X [N, C, H, W] (Ioffe and Szegedy 2015).

μ_c  = 1/m Σ_n Σ_h Σ_w X_n,c,h,w                    with m = N·H·W, the numbers of one channel
σ²_c = 1/m Σ_n Σ_h Σ_w (X_n,c,h,w − μ_c)²           the biased variance divides
Y_n,c,h,w = γ_c (X_n,c,h,w − μ_c) / √(σ²_c + ε) + β_c
running mean     ← (1 − α) running mean + α μ_c
running variance ← (1 − α) running variance + α m/(m − 1) σ²_c       the unbiased one is remembered

α is torch's momentum; the books' is 1 − α. With m = 1 there is no variance: such a batch cannot be normalised.
In evaluation the running values take the place of μ and σ²: `batch_norm` in convolutional.py.
"""

import numpy as np

from flori.reference.convolutional import batch_norm


def train(X, running_mean, running_variance, gamma, beta, epsilon=1e-5, momentum=0.1):
    """→ Y [N, C, H, W], the new running mean [C] and the new running variance [C]."""
    N, C, H, W = X.shape
    m = N * H * W
    mean, variance = np.zeros(C), np.zeros(C)
    for n, c, h, w in np.ndindex(X.shape):
        mean[c] += X[n, c, h, w] / m
    for n, c, h, w in np.ndindex(X.shape):
        variance[c] += (X[n, c, h, w] - mean[c]) ** 2 / m
    Y = np.array([batch_norm(X[n], mean, variance, gamma, beta, epsilon) for n in range(N)])
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_variance = (1 - momentum) * running_variance + momentum * m / (m - 1) * variance
    return Y, running_mean, running_variance
