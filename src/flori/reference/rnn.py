"""Recurrent network, literally, one sequence at a time.

cell           h_t = tanh(W_ih x_t + b_ih + W_hh h_t−1 + b_hh)
deep           layer j reads h^{j−1}_t, which is x_t for the first, and its own h^j_t−1
bidirectional  [h→_t; h←_t], where h← runs from the last step of the sequence to the first
language       logits_t = W h_t + b of the top layer, with x_t the row of the embedding that belongs to token t

torch keeps two biases where the books have one: only their sum matters here. A state is a tuple: (h,) for this cell and
the GRU, (h, c) for the LSTM, so that `run` and what follows hold for every `step`.
"""

import numpy as np

from flori.reference.mlp import dense, tanh


def step(x, state, p):
    """x: [D]; state: (h [H],); p: (W_ih [H, D], W_hh [H, H], b_ih [H], b_hh [H]) → the next state."""
    W_ih, W_hh, b_ih, b_hh = p
    (h,) = state
    a, b = dense(x, W_ih, b_ih), dense(h, W_hh, b_hh)
    return (np.array([tanh(a[i] + b[i]) for i in range(len(h))]),)


def run(step, X, state, p):
    """One layer over X [T, D] → H [T, H] and the state after the last step."""
    H = []
    for x in X:
        state = step(x, state, p)
        H.append(state[0])
    return np.array(H), state


def deep(step, X, states, layers):
    """`layers` holds p of each layer, `states` the state that each begins from → H of the top one, states after."""
    after = []
    for p, state in zip(layers, states):
        X, state = run(step, X, state, p)
        after.append(state)
    return X, after


def both_ways(step, X, states, layers):
    """`layers` and `states` hold a pair for each layer: forwards and backwards → H [T, 2·hidden], pairs of states."""
    after = []
    for (p, q), (forwards, backwards) in zip(layers, states):
        there, forwards = run(step, X, forwards, p)
        back, backwards = run(step, X[::-1], backwards, q)
        X = np.array([np.concatenate(pair) for pair in zip(there, back[::-1])])
        after.append((forwards, backwards))
    return X, after


def language(step, tokens, embedding, layers, states, W, b):
    """tokens: T numbers → logits [T, V] for the token after each, and the states after the last."""
    X = np.array([embedding[token] for token in tokens])
    H, after = deep(step, X, states, layers)
    return np.array([dense(h, W, b) for h in H]), after
