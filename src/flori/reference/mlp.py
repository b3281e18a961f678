"""Multilayer perceptron, literally.

h⁰ = x,   hˡ_i = σ(Σ_j Wˡ_ij hˡ⁻¹_j + bˡ_i),   o_i = Σ_j W_ij h_j + b_i  (no σ on the last layer)
ReLU(z) = max(z, 0),   sigmoid(z) = 1/(1 + exp(−z)),   tanh(z) = (1 − exp(−2z))/(1 + exp(−2z))
"""

import math

import numpy as np


def relu(z):
    return max(z, 0.0)


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def tanh(z):
    return (1 - math.exp(-2 * z)) / (1 + math.exp(-2 * z))


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": tanh}


def dense(x, W, b):
    out = np.zeros(len(b))
    for i in range(len(b)):
        for j in range(len(x)):
            out[i] += W[i, j] * x[j]
        out[i] += b[i]
    return out


def forward(x, weights, biases, activation):
    h = x
    for W, b in zip(weights[:-1], biases[:-1]):
        h = np.array([ACTIVATIONS[activation](z) for z in dense(h, W, b)])
    return dense(h, weights[-1], biases[-1])
