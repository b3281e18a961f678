"""Penalties on weights, literally (Goodfellow, Bengio and Courville, sections 7.1.1 and 7.1.2).

L2, weight decay: ℓ + ½λ‖w‖²    w ← (1 − ηλ)w − η∂ℓ/∂w
                  ℓ = ½(w − w*)ᵀH(w − w*), H = QΛQᵀ    the least is at w = Q(Λ + λI)⁻¹ΛQᵀw*
L1:               ℓ + α‖w‖₁     w ← sign(v)·max(|v| − ηα, 0) with v = w − η∂ℓ/∂w
                  ℓ of diagonal H                      the least is at w_j = sign(w*_j)·max(|w*_j| − α/H_jj, 0)
"""

import numpy as np


def decay(w, slope, rate, decay):
    return [(1 - rate * decay) * w_j - rate * g_j for w_j, g_j in zip(w, slope)]


def shrink(v, threshold):
    if v > threshold:
        return v - threshold
    if v < -threshold:
        return v + threshold
    return 0.0


def proximal(w, slope, rate, alpha):
    return [shrink(w_j - rate * g_j, rate * alpha) for w_j, g_j in zip(w, slope)]


def least_with_decay(H, w_star, decay):
    values, Q = np.linalg.eigh(H)
    rotated = Q.T @ w_star
    return Q @ np.array([value / (value + decay) * w_j for value, w_j in zip(values, rotated)])


def least_with_l1(H_diagonal, w_star, alpha):
    return [shrink(w_j, alpha / h) for w_j, h in zip(w_star, H_diagonal)]
