"""Layers of convolutional networks, literally. X is one picture or its maps, [C, H, W].

convolution      Y_o,h,w = b_o + Σ_c Σ_i Σ_j W_o,c,i,j X_c,sh+i,sw+j      (X with zeros around it)
max pooling      Y_c,h,w = max over i, j of X_c,sh+i,sw+j
average pooling  Y_c,h,w = 1/k² Σ_i Σ_j X_c,sh+i,sw+j                      (the zeros count)
batch norm       Y_c = γ_c (X_c − μ_c)/√(σ²_c + ε) + β_c                   (with running statistics)
"""

import math

import numpy as np


def convolve(X, W, b=None, stride=(1, 1), padding=(0, 0)):
    C, H, Wd = X.shape
    O, _, K, L = W.shape  # noqa: E741 - the book's letter for output channels
    padded = np.zeros((C, H + 2 * padding[0], Wd + 2 * padding[1]))
    padded[:, padding[0] : padding[0] + H, padding[1] : padding[1] + Wd] = X
    Y = np.zeros((O, (padded.shape[1] - K) // stride[0] + 1, (padded.shape[2] - L) // stride[1] + 1))
    for o, h, w in np.ndindex(Y.shape):
        Y[o, h, w] = 0 if b is None else b[o]
        for c in range(C):
            for i in range(K):
                for j in range(L):
                    Y[o, h, w] += W[o, c, i, j] * padded[c, h * stride[0] + i, w * stride[1] + j]
    return Y


def windows(side, size, stride, padding, ceil):
    free = side + 2 * padding - size
    return (math.ceil(free / stride) if ceil else free // stride) + 1


def max_pool(X, size, stride, padding=0, ceil=False):
    C, H, W = X.shape
    Y = np.full((C, *(windows(side, size, stride, padding, ceil) for side in (H, W))), -np.inf)
    for c, h, w in np.ndindex(Y.shape):
        for i in range(size):
            for j in range(size):
                y, x = h * stride + i - padding, w * stride + j - padding
                if 0 <= y < H and 0 <= x < W:
                    Y[c, h, w] = max(Y[c, h, w], X[c, y, x])
    return Y


def average_pool(X, size, stride, padding=0):
    C, H, W = X.shape
    Y = np.zeros((C, *(windows(side, size, stride, padding, False) for side in (H, W))))
    for c, h, w in np.ndindex(Y.shape):
        for i in range(size):
            for j in range(size):
                y, x = h * stride + i - padding, w * stride + j - padding
                if 0 <= y < H and 0 <= x < W:
                    Y[c, h, w] += X[c, y, x] / size**2
    return Y


def batch_norm(X, mean, variance, gamma, beta, epsilon):
    Y = np.zeros(X.shape)
    for c, h, w in np.ndindex(X.shape):
        Y[c, h, w] = gamma[c] * (X[c, h, w] - mean[c]) / math.sqrt(variance[c] + epsilon) + beta[c]
    return Y


def relu(X):
    Y = np.zeros(X.shape)
    for place in np.ndindex(X.shape):
        Y[place] = max(X[place], 0.0)
    return Y
