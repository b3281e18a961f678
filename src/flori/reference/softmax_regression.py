"""Softmax regression, literally.

o_k = Σ_j W_kj x_j + b_k
softmax(o)_k = exp(o_k) / Σ_m exp(o_m)      (the same number if the largest o is taken off first)
ℓ = −log softmax(o)_y
∂ℓ/∂o_k = softmax(o)_k − [k = y]
"""

import math

import numpy as np


def logits(x, W, b):
    K, D = W.shape
    o = np.zeros(K)
    for k in range(K):
        for j in range(D):
            o[k] += W[k, j] * x[j]
        o[k] += b[k]
    return o


def softmax(o):
    largest = max(o)
    total = 0.0
    for o_k in o:
        total += math.exp(o_k - largest)
    return np.array([math.exp(o_k - largest) / total for o_k in o])


def log_softmax(o):
    largest = max(o)
    total = 0.0
    for o_k in o:
        total += math.exp(o_k - largest)
    return np.array([o_k - largest - math.log(total) for o_k in o])


def cross_entropy(o, y, smoothing=0.0):
    K = len(o)
    log_p = log_softmax(o)
    total = 0.0
    for k in range(K):
        q_k = (1 - smoothing) * (1.0 if k == y else 0.0) + smoothing / K
        total -= q_k * log_p[k]
    return total


def gradient(o, y):
    p = softmax(o)
    return np.array([p[k] - (1.0 if k == y else 0.0) for k in range(len(o))])
