"""The rules by which weights are moved, literally.

Each goes from weights w [D] along `gradient(w)` [D], one step for each learning rate η_t of `rates`, and yields w after
each. `decay` [D] holds λ of each weight: 0 for biases and norms.

gradient descent   w ← w − ηg            g of all examples; of one at random: stochastic (SGD); of b: minibatch
weight decay       w ← (1 − ηλ)w − ηg,   that is g ← g + λw, for gradient descent
momentum           v ← βv + g            w ← w − ηv
Nesterov           v ← βv + g            w ← w − η(g + βv)
AdaGrad            r ← r + g²            w ← w − η g/(√r + δ)
RMSProp            r ← ρr + (1 − ρ)g²    u ← βu + g/(√r + δ)       w ← w − ηu
Adam               v ← β₁v + (1 − β₁)g   s ← β₂s + (1 − β₂)g²      w ← w − η v̂/(√ŝ + ε)
                   v̂ = v/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ): both averages start at zero and are too small at first
AdamW              w ← (1 − ηλ)w first, and λw never enters v and s

With a memory (all but gradient descent and AdamW) the decay added to g is remembered like the rest of it, which is not
(1 − ηλ)w: AdamW is Adam without that. The book's small numbers are others than torch's, which are used here: AdaGrad
10⁻⁷ for 10⁻¹⁰; RMSProp 10⁻⁶ under the root for 10⁻⁸ outside. The book's Nesterov takes g at w + αv: the same path, seen
from where it looks.
"""

import math

import numpy as np


def gradient_descent(w, gradient, rates, decay):
    for rate in rates:
        g = gradient(w)
        w = np.array([(1 - rate * decay[i]) * w[i] - rate * g[i] for i in range(len(w))])
        yield w


def momentum(w, gradient, rates, decay, beta=0.9):
    v = np.zeros(len(w))
    for rate in rates:
        g = gradient(w) + decay * w
        for i in range(len(w)):
            v[i] = beta * v[i] + g[i]
        w = w - rate * v
        yield w


def nesterov(w, gradient, rates, decay, beta=0.9):
    v = np.zeros(len(w))
    for rate in rates:
        g = gradient(w) + decay * w
        for i in range(len(w)):
            v[i] = beta * v[i] + g[i]
        w = w - rate * (g + beta * v)
        yield w


def nesterov_looking_ahead(w, gradient, rates, beta=0.9):
    """As in the book: v ← αv − εg(w + αv), w ← w + v. Yields w + αv, where the next gradient is taken."""
    v = np.zeros(len(w))
    for rate in rates:
        v = beta * v - rate * gradient(w + beta * v)
        w = w + v
        yield w + beta * v


def adagrad(w, gradient, rates, decay, delta=1e-10):
    r = np.zeros(len(w))
    for rate in rates:
        g = gradient(w) + decay * w
        w = w.copy()
        for i in range(len(w)):
            r[i] += g[i] ** 2
            w[i] -= rate * g[i] / (math.sqrt(r[i]) + delta)
        yield w


def rmsprop(w, gradient, rates, decay, beta=0.0, rho=0.99, delta=1e-8):
    r, u = np.zeros(len(w)), np.zeros(len(w))
    for rate in rates:
        g = gradient(w) + decay * w
        w = w.copy()
        for i in range(len(w)):
            r[i] = rho * r[i] + (1 - rho) * g[i] ** 2
            u[i] = beta * u[i] + g[i] / (math.sqrt(r[i]) + delta)
            w[i] -= rate * u[i]
        yield w


def adam(w, gradient, rates, decay, beta1=0.9, beta2=0.999, epsilon=1e-8):
    v, s = np.zeros(len(w)), np.zeros(len(w))
    for t, rate in enumerate(rates, 1):
        g = gradient(w) + decay * w
        w = w.copy()
        for i in range(len(w)):
            v[i] = beta1 * v[i] + (1 - beta1) * g[i]
            s[i] = beta2 * s[i] + (1 - beta2) * g[i] ** 2
            v_hat = v[i] / (1 - beta1**t)
            s_hat = s[i] / (1 - beta2**t)
            w[i] -= rate * v_hat / (math.sqrt(s_hat) + epsilon)
        yield w


def adamw(w, gradient, rates, decay, beta1=0.9, beta2=0.999, epsilon=1e-8):
    v, s = np.zeros(len(w)), np.zeros(len(w))
    for t, rate in enumerate(rates, 1):
        g = gradient(w)
        w = w.copy()
        for i in range(len(w)):
            w[i] = (1 - rate * decay[i]) * w[i]
            v[i] = beta1 * v[i] + (1 - beta1) * g[i]
            s[i] = beta2 * s[i] + (1 - beta2) * g[i] ** 2
            v_hat = v[i] / (1 - beta1**t)
            s_hat = s[i] / (1 - beta2**t)
            w[i] -= rate * v_hat / (math.sqrt(s_hat) + epsilon)
        yield w


def muon(W, gradient, rates, decay, beta=0.95):
    """For a matrix W [m, n]: M ← βM + (1 − β)G, and W ← (1 − ηλ)W − 0.2 √max(m, n) η O(βM + (1 − β)G)."""
    M = np.zeros(W.shape)
    for rate in rates:
        G = gradient(W)
        M = beta * M + (1 - beta) * G
        ahead = beta * M + (1 - beta) * G
        W = (1 - rate * decay) * W - rate * 0.2 * math.sqrt(max(W.shape)) * orthogonal(ahead)
        yield W


def orthogonal(X):
    """X/‖X‖_F, then five times X ← aX + b(XXᵀ)X + c(XXᵀ)²X: all its singular values come near to 1."""
    if X.shape[0] > X.shape[1]:
        return orthogonal(X.T).T
    X = X / (np.sqrt((X**2).sum()) + 1e-7)
    for _ in range(5):
        A = X @ X.T
        X = 3.4445 * X - 4.7750 * A @ X + 2.0315 * A @ A @ X
    return X


def clipped(g, theta):
    """g ← g·min(1, θ/‖g‖), with one norm over all weights together."""
    norm = 0.0
    for i in range(len(g)):
        norm += g[i] ** 2
    norm = math.sqrt(norm)
    return g if norm == 0 else g * min(1.0, theta / norm)
