"""From one sequence to another, literally: encoder, decoder, and the decoder with attention; one pair at a time.

encoder     h→_s, h←_s over the source (a bidirectional network), e_s = [h→_s; h←_s]
bridge      the decoder's layer j begins from h^j_0 = tanh(B [h→^j_S; h←^j_1] + b), the end of each direction;
            an LSTM's memory from c^j_0 = C [c→^j_S; c←^j_1] + d
context     without attention k = [h→_S; h←_1] of the top layer, the same at each step (Cho et al. 2014)
decoder     h_t = cell([y_t; k], h_t−1),   logits_t = W h_t + b          y_t the embedding of the target's token t

attention   a_ts = score(q_t, e_s),   α_t = softmax over s of a_t,   k_t = Σ_s α_ts e_s
additive    score(q, e) = vᵀ tanh(W_q q + W_k e)                          (Bahdanau, Cho and Bengio 2015)
dot         score(q, e) = (W_q q)ᵀ (W_k e) / √d                           d numbers in each of the two
afterwards  h_t = cell(y_t, h_t−1), q_t = h_t                             (Luong, Pham and Manning 2015)
feeding     q_t = h_t−1, h_t = cell([y_t; k_t], h_t−1)                    (Bahdanau's order)
output      logits_t = W tanh(W_c [k_t; h_t] + b_c) + b                   in either order; h is the top layer's

`step` is that of rnn.py, gru.py or lstm.py. Teacher forcing: the target's own tokens are the decoder's inputs.
"""

import math

import numpy as np

from flori.reference.mlp import dense, tanh
from flori.reference.rnn import both_ways, deep
from flori.reference.softmax_regression import softmax


def encode(step, X, layers, states):
    """X: [S, D]; layers and states as in `both_ways` → e [S, 2H], and the ends of each layer, joined."""
    e, after = both_ways(step, X, states, layers)
    ends = [[np.concatenate(pair) for pair in zip(*ways)] for ways in after]
    return e, ends


def bridge(ends, bridges):
    """ends: [h] or [h, c] of each layer, each [2H]; bridges: (weights, bias) for h, for c → the decoder's states."""
    states = []
    for parts in ends:
        h = np.array([tanh(a) for a in dense(parts[0], *bridges[0])])
        states.append((h, *(dense(c, *bridges[1]) for c in parts[1:])))
    return states


def decode(step, Y, layers, states, k, W, b):
    """Y: [T, D], the embeddings of the target; k: the context [2H] → logits [T, V]."""
    X = np.array([np.concatenate((y, k)) for y in Y])
    H, _ = deep(step, X, states, layers)
    return np.array([dense(h, W, b) for h in H])


def additive(q, e, W_q, W_k, v):
    a, b = dense(q, W_q, np.zeros(len(W_q))), dense(e, W_k, np.zeros(len(W_k)))
    score = 0.0
    for i in range(len(v)):
        score += v[i] * tanh(a[i] + b[i])
    return score


def dot(q, e, W_q, W_k):
    a, b = dense(q, W_q, np.zeros(len(W_q))), dense(e, W_k, np.zeros(len(W_k)))
    score = 0.0
    for i in range(len(a)):
        score += a[i] * b[i]
    return score / math.sqrt(len(a))


def attend(q, E, score):
    """q: [H]; E: [S, 2H]; score: a function of q and one e → the context [2H] and the weights [S]."""
    alpha = softmax(np.array([score(q, e) for e in E]))
    k = np.zeros(len(E[0]))
    for s in range(len(E)):
        k = k + alpha[s] * E[s]
    return k, alpha


def attentive_step(step, y, states, E, layers, score, feeding):
    """One step of the decoder with attention → h of the top layer, the context, the weights, the states after it."""
    if feeding:
        k, alpha = attend(states[-1][0], E, score)
        H, states = deep(step, np.array([np.concatenate((y, k))]), states, layers)
    else:
        H, states = deep(step, np.array([y]), states, layers)
        k, alpha = attend(H[0], E, score)
    return H[0], k, alpha, states


def attentive_decode(step, Y, states, E, layers, score, feeding, combine, W, b):
    """Y: [T, D]; combine: (W_c, b_c) → logits [T, V] and the weights [T, S]."""
    logits, weights = [], []
    for y in Y:
        h, k, alpha, states = attentive_step(step, y, states, E, layers, score, feeding)
        combined = np.array([tanh(a) for a in dense(np.concatenate((k, h)), *combine)])
        logits.append(dense(combined, W, b))
        weights.append(alpha)
    return np.array(logits), np.array(weights)
