"""Linear regression, literally.

ŷ = w₁x₁ + … + w_Dx_D + b
ℓ = (1/N) Σᵢ ½(ŷᵢ − yᵢ)²
∂ℓ/∂w_j = (1/N) Σᵢ (ŷᵢ − yᵢ) xᵢⱼ          ∂ℓ/∂b = (1/N) Σᵢ (ŷᵢ − yᵢ)
w ← w − η ∂ℓ/∂w
"""

import numpy as np


def predict(X, w, b):
    N, D = X.shape
    y_hat = np.zeros(N)
    for i in range(N):
        for j in range(D):
            y_hat[i] += w[j] * X[i, j]
        y_hat[i] += b
    return y_hat


def loss(X, y, w, b):
    y_hat = predict(X, w, b)
    total = 0.0
    for i in range(len(y)):
        total += 0.5 * (y_hat[i] - y[i]) ** 2
    return total / len(y)


def gradient(X, y, w, b):
    N, D = X.shape
    y_hat = predict(X, w, b)
    dw, db = np.zeros(D), 0.0
    for i in range(N):
        for j in range(D):
            dw[j] += (y_hat[i] - y[i]) * X[i, j] / N
        db += (y_hat[i] - y[i]) / N
    return dw, db


def descend(X, y, w, b, rate):
    dw, db = gradient(X, y, w, b)
    return w - rate * dw, b - rate * db
