"""Kernel regression, literally (Nadaraya 1964, Watson 1964; Dive into Deep Learning, section 11.2).

k(x, xᵢ) = exp(−½ Σ_j ((x_j − xᵢⱼ)/σ_j)²)
α(x, xᵢ) = k(x, xᵢ) / Σ_m k(x, x_m)            the attention weights: xᵢ are the keys, yᵢ the values, x is the query
f(x) = Σᵢ α(x, xᵢ) yᵢ
average pooling: α(x, xᵢ) = 1/N, the limit of σ → ∞

Learning σ, each example is answered from all others: f₋ₙ(xₙ) is f(xₙ) with the sums over i ≠ n; else σ → 0 were best.
ℓ = (1/N) Σₙ ½(f₋ₙ(xₙ) − yₙ)²
∂f/∂σ_j = Σᵢ α(x, xᵢ) (δᵢⱼ − Σ_m α(x, x_m) δ_mj) yᵢ   with   δᵢⱼ = (x_j − xᵢⱼ)²/σ_j³
∂ℓ/∂σ_j = (1/N) Σₙ (f₋ₙ(xₙ) − yₙ) ∂f₋ₙ(xₙ)/∂σ_j
"""

import math

import numpy as np


def log_kernel(x, key, sigma):
    total = 0.0
    for j in range(len(x)):
        total -= 0.5 * ((x[j] - key[j]) / sigma[j]) ** 2
    return total


def weights(x, keys, sigma):
    logs = [log_kernel(x, key, sigma) for key in keys]
    largest = max(logs)  # the same weights if it is taken off first, and far from all keys the sum is not 0
    total = 0.0
    for log in logs:
        total += math.exp(log - largest)
    return np.array([math.exp(log - largest) / total for log in logs])


def predict(x, keys, values, sigma):
    alpha = weights(x, keys, sigma)
    answer = 0.0
    for i in range(len(values)):
        answer += alpha[i] * values[i]
    return answer


def average(values):
    answer = 0.0
    for i in range(len(values)):
        answer += values[i] / len(values)
    return answer


def others(X, y, n):
    kept = [i for i in range(len(y)) if i != n]
    return X[kept], y[kept]


def loss(X, y, sigma):
    total = 0.0
    for n in range(len(y)):
        total += 0.5 * (predict(X[n], *others(X, y, n), sigma) - y[n]) ** 2
    return total / len(y)


def slope(x, keys, values, sigma):
    """∂f/∂σ_j for each j."""
    alpha, found = weights(x, keys, sigma), np.zeros(len(sigma))
    for j in range(len(sigma)):
        delta = [(x[j] - key[j]) ** 2 / sigma[j] ** 3 for key in keys]
        mean = 0.0
        for m in range(len(keys)):
            mean += alpha[m] * delta[m]
        for i in range(len(keys)):
            found[j] += alpha[i] * (delta[i] - mean) * values[i]
    return found


def gradient(X, y, sigma):
    found = np.zeros(len(sigma))
    for n in range(len(y)):
        keys, values = others(X, y, n)
        error = predict(X[n], keys, values, sigma) - y[n]
        found += error * slope(X[n], keys, values, sigma) / len(y)
    return found
