"""Least squares without iteration: w = X⁺y by the singular value decomposition, with ridge if wanted."""

from __future__ import annotations

import torch
from torch import Tensor


def least_squares(inputs: Tensor, targets: Tensor, ridge: float = 0.0, intercept: bool = True) -> tuple[Tensor, Tensor]:
    """Weights [D] and bias (a number) that minimise ½‖Xw + b − y‖² + ½α‖w‖², the shortest w among equals.

    With X = USVᵀ of the centred inputs: w = V diag(s/(s²+α)) Uᵀy, where singular values below
    max(N, D)·ε·s₁ count as zero, as in numpy.linalg.lstsq. The bias is not penalised.

    Args:
        inputs: X, [N, D]; targets: y, [N]; ridge: α (with ½ on both terms: (XᵀX + αI)⁻¹Xᵀy).
        intercept: with False b = 0 and nothing is centred.
    """
    x, y = inputs.double(), targets.double()
    centre, level = (x.mean(0), y.mean()) if intercept else (torch.zeros_like(x[0]), torch.zeros_like(y[0]))
    u, s, vt = torch.linalg.svd(x - centre, full_matrices=False)
    cutoff = max(x.shape) * torch.finfo(torch.float64).eps * s.max()
    gain = torch.where(s > cutoff, s / (s.square() + ridge), 0.0)
    weights = vt.T @ (gain * (u.T @ (y - level)))
    return weights, level - centre @ weights
