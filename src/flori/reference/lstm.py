"""Long short-term memory, literally (Hochreiter and Schmidhuber 1997; the forget gate of Gers et al. 2000).

input      i = σ(W_ii x + b_ii + W_hi h + b_hi)
forget     f = σ(W_if x + b_if + W_hf h + b_hf)
candidate  g = tanh(W_ig x + b_ig + W_hg h + b_hg)
output     o = σ(W_io x + b_io + W_ho h + b_ho)
memory     c ← f ⊙ c + i ⊙ g
state      h ← o ⊙ tanh(c)

As in torch there are two biases, of which only the sum matters, and the rows of W_ih [4H, D], W_hh [4H, H], b_ih and
b_hh [4H] lie in the order i, f, g, o.
"""

import numpy as np

from flori.reference.mlp import dense, sigmoid, tanh


def step(x, state, p):
    """x: [D]; state: (h [H], c [H]); p: (W_ih, W_hh, b_ih, b_hh) → the next state."""
    W_ih, W_hh, b_ih, b_hh = p
    h, c = state
    H = len(h)
    a, b = dense(x, W_ih, b_ih), dense(h, W_hh, b_hh)
    i = [sigmoid(a[k] + b[k]) for k in range(H)]
    f = [sigmoid(a[H + k] + b[H + k]) for k in range(H)]
    g = [tanh(a[2 * H + k] + b[2 * H + k]) for k in range(H)]
    o = [sigmoid(a[3 * H + k] + b[3 * H + k]) for k in range(H)]
    c = np.array([f[k] * c[k] + i[k] * g[k] for k in range(H)])
    h = np.array([o[k] * tanh(c[k]) for k in range(H)])
    return h, c
