"""LeNet-5, literally.

convolution      Y_o,h,w = b_o + Σ_c Σ_i Σ_j W_o,c,i,j X_c,h+i,w+j        (a cross-correlation)
max pooling      Y_c,h,w = max over i, j in {0, 1} of X_c,2h+i,2w+j
average pooling  Y_c,h,w = ¼ Σ over i, j in {0, 1} of X_c,2h+i,2w+j
network          x → pad 2 → conv 5×5 → σ → pool → conv 5×5 → σ → pool → dense 120 → σ → 84 → σ → K
"""

import numpy as np

from flori.reference.convolutional import average_pool, convolve, max_pool
from flori.reference.mlp import ACTIVATIONS
from flori.reference.mlp import forward as mlp

POOLS = {"max": max_pool, "average": average_pool}


def activate(X, activation):
    Y = np.zeros(X.shape)
    for place in np.ndindex(X.shape):
        Y[place] = ACTIVATIONS[activation](X[place])
    return Y


def forward(x, conv1, conv2, dense, activation="relu", pooling="max"):
    """x: [C, H, W]; conv1, conv2: (weights, biases); dense: three (weights, biases) → logits [K]."""
    pool = POOLS[pooling]
    h = pool(activate(convolve(x, *conv1, padding=(2, 2)), activation), 2, 2)
    h = pool(activate(convolve(h, *conv2), activation), 2, 2)
    weights, biases = zip(*dense)
    return mlp(h.reshape(-1), weights, biases, activation)
