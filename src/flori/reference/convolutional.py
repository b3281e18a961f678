"""What convolutional networks are made of, literally, for one picture X [C, H, W].

convolution      Y_o,h,w = b_o + Σ_c Σ_i Σ_j W_o,c,i,j P_c,s·h+i,t·w+j        (a cross-correlation)
                 P is X with zeros around it, s and t are the strides down and across; in g groups output channel o
                 sees only the channels of group ⌊o·g/O⌋
size of Y        ⌊(n − k + 2p + s)/s⌋, down and across
max pooling      Y_c,h,w = max_i max_j P_c,s·h+i,s·w+j,      P with −∞ around X
average pooling  Y_c,h,w = 1/k² Σ_i Σ_j P_c,s·h+i,s·w+j,    P with zeros around X, which count
adaptive         the same over rows ⌊a·H/A⌋ to ⌈(a+1)·H/A⌉ and columns likewise, for an average of A×B
batch norm       Y_c,h,w = γ_c (X_c,h,w − μ_c) / √(σ²_c + ε) + β_c
global average   y_c = 1/(H·W) Σ_h Σ_w X_c,h,w
"""

import math

import numpy as np


def surround(X, padding, value=0.0):
    C, H, W = X.shape
    p, q = padding
    P = np.full((C, H + 2 * p, W + 2 * q), value)
    P[:, p : p + H, q : q + W] = X
    return P


def convolve(X, W, b=None, stride=(1, 1), padding=(0, 0), groups=1):
    """X: [C, H, W]; W: [O, C/groups, K, L]; b: [O]; padding on each side, down and across → Y [O, H', W']."""
    P = surround(X, padding)
    O, C, K, L = W.shape  # noqa: E741 - the book's letter for output channels
    s, t = stride
    Y = np.zeros((O, (P.shape[1] - K + s) // s, (P.shape[2] - L + t) // t))
    for o, h, w in np.ndindex(Y.shape):
        first = o * groups // O * C
        Y[o, h, w] = 0.0 if b is None else b[o]
        for c in range(C):
            for i in range(K):
                for j in range(L):
                    Y[o, h, w] += W[o, c, i, j] * P[first + c, s * h + i, t * w + j]
    return Y


def max_pool(X, size, stride, padding=0, ceil=False):
    """With `ceil` a last window that hangs over the edge counts too, if it begins within the picture."""
    P = surround(X, (padding, padding), -math.inf)
    height, width = (windows(n, size, stride, padding, ceil) for n in X.shape[1:])
    Y = np.zeros((len(X), height, width))
    for c, h, w in np.ndindex(Y.shape):
        Y[c, h, w] = max(
            P[c, i, j]
            for i in range(stride * h, min(stride * h + size, P.shape[1]))
            for j in range(stride * w, min(stride * w + size, P.shape[2]))
        )
    return Y


def windows(n, size, stride, padding, ceil):
    whole = (n - size + 2 * padding + stride) // stride
    rest = (n - size + 2 * padding) % stride
    return whole + 1 if ceil and rest and stride * whole < n + padding else whole


def average_pool(X, size, stride, padding=0):
    P = surround(X, (padding, padding))
    height, width = (windows(n, size, stride, padding, ceil=False) for n in X.shape[1:])
    Y = np.zeros((len(X), height, width))
    for c, h, w in np.ndindex(Y.shape):
        for i in range(size):
            for j in range(size):
                Y[c, h, w] += P[c, stride * h + i, stride * w + j] / size**2
    return Y


def adaptive_average(X, height, width):
    C, H, W = X.shape
    Y = np.zeros((C, height, width))
    for c, a, b in np.ndindex(Y.shape):
        rows = range(a * H // height, math.ceil((a + 1) * H / height))
        columns = range(b * W // width, math.ceil((b + 1) * W / width))
        for i in rows:
            for j in columns:
                Y[c, a, b] += X[c, i, j] / (len(rows) * len(columns))
    return Y


def batch_norm(X, mean, variance, gamma, beta, epsilon=1e-5):
    """In evaluation: the mean and variance [C] are those gathered over training."""
    Y = np.zeros(X.shape)
    for c, h, w in np.ndindex(X.shape):
        Y[c, h, w] = gamma[c] * (X[c, h, w] - mean[c]) / math.sqrt(variance[c] + epsilon) + beta[c]
    return Y


def relu(X):
    Y = np.zeros(X.shape)
    for place in np.ndindex(X.shape):
        Y[place] = max(X[place], 0.0)
    return Y


def global_average(X):
    C, H, W = X.shape
    y = np.zeros(C)
    for c in range(C):
        for h in range(H):
            for w in range(W):
                y[c] += X[c, h, w] / (H * W)
    return y


def convolution(x, p, name, stride=1, padding=0):
    """The convolution whose weights, and biases if it has any, bear `name` among the parameters p."""
    return convolve(x, p[f"{name}.weight"], p.get(f"{name}.bias"), (stride, stride), (padding, padding))


def normalised(x, p, name):
    """The batch norm whose running values, scale and shift bear `name` among the parameters p."""
    return batch_norm(x, *(p[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))
