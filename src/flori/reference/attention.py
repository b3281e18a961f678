"""Attention, literally (Bahdanau, Cho and Bengio 2015; Vaswani et al. 2017).

masked softmax   α_j = exp(a_j) / Σ_k exp(a_k) over the allowed j and k; 0 elsewhere, so all 0 where none is allowed
additive         a(q, k) = Σ_h v_h tanh(Σ_i W_q,hi q_i + Σ_i W_k,hi k_i)
dot product      a(q, k) = Σ_i q_i k_i / √d
pooling          y = Σ_j α_j v_j
many heads       head h attends with numbers h·d to (h+1)·d of W_q x + b_q, W_k y + b_k and W_v y + b_v;
                 what the heads find stands side by side and goes through W_o, b_o
"""

import math

import numpy as np

from flori.reference.mlp import dense, tanh


def masked_softmax(scores, allowed):
    """scores [K], allowed [K] → weights [K]; all scores less their largest: the same weights, nothing overflows."""
    weights = np.zeros(len(scores))
    if not any(allowed):
        return weights
    largest = max(a for a, may in zip(scores, allowed) if may)
    total = 0.0
    for k in range(len(scores)):
        if allowed[k]:
            total += math.exp(scores[k] - largest)
    for j in range(len(scores)):
        if allowed[j]:
            weights[j] = math.exp(scores[j] - largest) / total
    return weights


def additive(q, k, W_q, W_k, w_v):
    score = 0.0
    for h in range(len(w_v)):
        inner = 0.0
        for i in range(len(q)):
            inner += W_q[h, i] * q[i]
        for i in range(len(k)):
            inner += W_k[h, i] * k[i]
        score += w_v[h] * tanh(inner)
    return score


def dot_product(q, k):
    score = 0.0
    for i in range(len(q)):
        score += q[i] * k[i]
    return score / math.sqrt(len(q))


def attend(Q, K, V, allowed, score=dot_product):
    """Q [m, ·], K [n, ·], V [n, v], allowed [m, n] → the pooled values [m, v] and the weights [m, n]."""
    Y, weights = np.zeros((len(Q), V.shape[1])), np.zeros((len(Q), len(K)))
    for i in range(len(Q)):
        weights[i] = masked_softmax([score(Q[i], k) for k in K], allowed[i])
        for j in range(len(K)):
            for c in range(V.shape[1]):
                Y[i, c] += weights[i, j] * V[j, c]
    return Y, weights


def multi_head(X, Y, p, heads, allowed, turn=None):
    """X [m, H] looks at Y [n, H]; p has W_q, b_q, W_k, b_k, W_v, b_v, W_o, b_o; → [m, H], weights [heads, m, n].

    `turn(x, i)`: what becomes of a query or key of place i in each head before they meet.
    """
    Q, K, V = (np.array([dense(x, p[f"W_{s}"], p[f"b_{s}"]) for x in side]) for s, side in zip("qkv", (X, Y, Y)))
    d = Q.shape[1] // heads
    found, weights = np.zeros(Q.shape), np.zeros((heads, len(X), len(Y)))
    for h in range(heads):
        part = slice(h * d, (h + 1) * d)
        q, k = Q[:, part], K[:, part]
        if turn is not None:
            q, k = (np.array([turn(x, i) for i, x in enumerate(side)]) for side in (q, k))
        found[:, part], weights[h] = attend(q, k, V[:, part], allowed)
    return np.array([dense(x, p["W_o"], p["b_o"]) for x in found]), weights


def causal(n):
    """Place i may look at places j ≤ i: bool [n, n]."""
    return np.array([[j <= i for j in range(n)] for i in range(n)])
