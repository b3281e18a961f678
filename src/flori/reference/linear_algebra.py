"""Linear algebra, literally. Vectors x [n], matrices A [m, n], all in float64.

‖x‖₁ = Σᵢ|xᵢ|     ‖x‖₂ = √Σᵢxᵢ²     ‖x‖_∞ = maxᵢ|xᵢ|     ‖A‖_F = √Σᵢⱼ Aᵢⱼ²
Tr(A) = Σᵢ Aᵢᵢ     xᵀAx = Σᵢⱼ xᵢ Aᵢⱼ xⱼ
A = QΛQᵀ      of a symmetric matrix: orthogonal eigenvectors in the columns of Q, real eigenvalues
A = UDVᵀ      of any: AᵀA = VD²Vᵀ, so singular values are roots of its eigenvalues, and Avⱼ = dⱼuⱼ
A⁺ = VD⁺Uᵀ    with D⁺ the reciprocals of what is not zero. It is (AᵀA)⁻¹Aᵀ only where the columns of A are independent.

An orthogonal matrix (UUᵀ = I) is a rotation if its determinant is 1, and a rotation with a reflection if it is −1.

Derivatives stand in rows (∂y/∂x is a row for a number y): ∂Ax/∂x = A, ∂xᵀA/∂x = Aᵀ, ∂‖x‖₂²/∂x = 2xᵀ and
∂‖x‖₂/∂x = xᵀ/‖x‖₂, ∂xᵀAx/∂x = xᵀ(A + Aᵀ), ∂⟨u, v⟩/∂x = uᵀ∂v/∂x + vᵀ∂u/∂x.
"""

import math

import numpy as np


def l1_norm(x):
    total = 0.0
    for x_i in x:
        total += abs(x_i)
    return total


def l2_norm(x):
    total = 0.0
    for x_i in x:
        total += x_i**2
    return math.sqrt(total)


def max_norm(x):
    largest = 0.0
    for x_i in x:
        largest = max(largest, abs(x_i))
    return largest


def frobenius_norm(A):
    total = 0.0
    for row in A:
        for a in row:
            total += a**2
    return math.sqrt(total)


def dot(x, y):
    total = 0.0
    for x_i, y_i in zip(x, y):
        total += x_i * y_i
    return total


def product(A, B):
    C = np.zeros((A.shape[0], B.shape[1]))
    for i in range(A.shape[0]):
        for k in range(B.shape[1]):
            for j in range(A.shape[1]):
                C[i, k] += A[i, j] * B[j, k]
    return C


def trace(A):
    total = 0.0
    for i in range(len(A)):
        total += A[i, i]
    return total


def quadratic_form(x, A):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            total += x[i] * A[i, j] * x[j]
    return total


def determinant(A):
    """By expansion along the first row (Laplace)."""
    if len(A) == 1:
        return A[0, 0]
    total = 0.0
    for j in range(len(A)):
        minor = np.delete(A[1:], j, axis=1)
        total += (-1) ** j * A[0, j] * determinant(minor)
    return total


def permutation_matrix(pi):
    """P_ij = 1 if j = π(i), else 0: row i of PA is row π(i) of A."""
    P = np.zeros((len(pi), len(pi)))
    for i in range(len(pi)):
        P[i, pi[i]] = 1.0
    return P


def eigen(A, sweeps=30):
    """Λ, largest first, and Q of a symmetric matrix: turned in one plane after another until nothing stands off the
    diagonal (Jacobi 1846)."""
    n = len(A)
    A, Q = np.array(A, float), np.eye(n)
    for _ in range(sweeps):
        for i in range(n):
            for j in range(i + 1, n):
                if A[i, j] == 0:
                    continue
                angle = 0.5 * math.atan2(2 * A[i, j], A[j, j] - A[i, i])
                R = np.eye(n)
                R[i, i] = R[j, j] = math.cos(angle)
                R[i, j], R[j, i] = math.sin(angle), -math.sin(angle)
                A, Q = R.T @ A @ R, Q @ R
    order = sorted(range(n), key=lambda i: -A[i, i])
    return np.array([A[i, i] for i in order]), Q[:, order]


def singular_values(A):
    """D, largest first, and the columns of U and V that belong to singular values above 10⁻⁶ of the largest."""
    values, V = eigen(A.T @ A)
    D, U, kept = [], [], []
    for j in range(len(values)):
        if values[j] > 1e-12 * values[0] and values[j] > 0:
            D.append(math.sqrt(values[j]))
            U.append(A @ V[:, j] / D[-1])
            kept.append(j)
    return np.array(D), np.array(U).reshape(len(D), A.shape[0]).T, V[:, kept]


def pseudo_inverse(A):
    """A⁺ = Σⱼ vⱼuⱼᵀ/dⱼ."""
    D, U, V = singular_values(A)
    inverse = np.zeros((A.shape[1], A.shape[0]))
    for j in range(len(D)):
        inverse += np.outer(V[:, j], U[:, j]) / D[j]
    return inverse


def derivative_of_squared_l2(x):
    return np.array([2 * x_i for x_i in x])


def derivative_of_l2(x):
    return np.array([x_i / l2_norm(x) for x_i in x])


def derivative_of_sum(x):
    return np.array([1.0 for _ in x])


def derivative_of_quadratic_form(x, A):
    n = len(x)
    return np.array([sum(x[i] * (A[i, j] + A[j, i]) for i in range(n)) for j in range(n)])


def derivative_of_dot(u, v, du, dv):
    """For u, v [k] with the derivatives du, dv [k, n]."""
    k, n = du.shape
    return np.array([sum(u[i] * dv[i, j] + v[i] * du[i, j] for i in range(k)) for j in range(n)])
