"""Gated recurrent unit, literally (Cho et al. 2014), with torch's conventions.

reset      r = σ(W_ir x + b_ir + W_hr h + b_hr)
update     z = σ(W_iz x + b_iz + W_hz h + b_hz)
candidate  n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
state      h ← (1 − z) ⊙ n + z ⊙ h

The books' candidate is tanh(W_in x + b_n + W_hn (r ⊙ h)): their reset gate comes before the product, torch's after it,
which lets one product serve all three gates. These are different networks, and weights of one do not suit the other.
With the gate after the product b_hn is no second copy of b_in: the gate scales it. The rows of W_ih [3H, D],
W_hh [3H, H], b_ih and b_hh [3H] lie in the order r, z, n.
"""

import numpy as np

from flori.reference.mlp import dense, sigmoid, tanh


def step(x, state, p, reset="after"):
    """x: [D]; state: (h [H],); p: (W_ih, W_hh, b_ih, b_hh) → the next state. The books' is reset="before"."""
    W_ih, W_hh, b_ih, b_hh = p
    (h,) = state
    H = len(h)
    a, b = dense(x, W_ih, b_ih), dense(h, W_hh, b_hh)
    r = [sigmoid(a[i] + b[i]) for i in range(H)]
    z = [sigmoid(a[H + i] + b[H + i]) for i in range(H)]
    if reset == "after":
        n = [tanh(a[2 * H + i] + r[i] * b[2 * H + i]) for i in range(H)]
    else:
        c = dense(np.array(r) * h, W_hh[2 * H :], b_hh[2 * H :])
        n = [tanh(a[2 * H + i] + c[i]) for i in range(H)]
    return (np.array([(1 - z[i]) * n[i] + z[i] * h[i] for i in range(H)]),)
