"""LeNet-5, literally.

convolution      Y_o,h,w = b_o + Σ_c Σ_i Σ_j W_o,c,i,j X_c,h+i,w+j        (a cross-correlation)
max pooling      Y_c,h,w = max over i, j in {0, 1} of X_c,2h+i,2w+j
average pooling  Y_c,h,w = ¼ Σ over i, j in {0, 1} of X_c,2h+i,2w+j
network          x → pad 2 → conv 5×5 → σ → pool → conv 5×5 → σ → pool → dense 120 → σ → 84 → σ → K
"""

import numpy as np

from flori.reference.mlp import ACTIVATIONS
from flori.reference.mlp import forward as mlp


def convolve(X, W, b, padding=0):
    C, H, Wd = X.shape
    O, _, K, _ = W.shape  # noqa: E741 - the book's letter for output channels
    padded = np.zeros((C, H + 2 * padding, Wd + 2 * padding))
    padded[:, padding : padding + H, padding : padding + Wd] = X
    height, width = H + 2 * padding - K + 1, Wd + 2 * padding - K + 1
    Y = np.zeros((O, height, width))
    for o in range(O):
        for h in range(height):
            for w in range(width):
                Y[o, h, w] = b[o]
                for c in range(C):
                    for i in range(K):
                        for j in range(K):
                            Y[o, h, w] += W[o, c, i, j] * padded[c, h + i, w + j]
    return Y


def pool(X, kind):
    C, H, W = X.shape
    Y = np.zeros((C, H // 2, W // 2))
    for c in range(C):
        for h in range(H // 2):
            for w in range(W // 2):
                four = [X[c, 2 * h + i, 2 * w + j] for i in (0, 1) for j in (0, 1)]
                Y[c, h, w] = max(four) if kind == "max" else sum(four) / 4
    return Y


def activate(X, activation):
    Y = np.zeros(X.shape)
    for place in np.ndindex(X.shape):
        Y[place] = ACTIVATIONS[activation](X[place])
    return Y


def forward(x, conv1, conv2, dense, activation="relu", pooling="max"):
    """x: [C, H, W]; conv1, conv2: (weights, biases); dense: three (weights, biases) → logits [K]."""
    h = pool(activate(convolve(x, *conv1, padding=2), activation), pooling)
    h = pool(activate(convolve(h, *conv2), activation), pooling)
    weights, biases = zip(*dense)
    return mlp(h.reshape(-1), weights, biases, activation)
