"""Identities of linear algebra, on matrices that hypothesis thinks of; each formula against numpy, scipy or torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flori.reference import linear_algebra as ours

quick = settings(deadline=None, derandomize=True, database=None, max_examples=25)
numbers = st.floats(-10, 10).map(lambda x: round(x, 3))
sides = st.integers(1, 5)


def matrices(rows=sides, columns=sides):
    return st.tuples(rows, columns).flatmap(lambda shape: arrays(np.float64, shape, elements=numbers))


vectors = st.integers(1, 7).flatmap(lambda n: arrays(np.float64, n, elements=numbers))
squares = sides.flatmap(lambda n: arrays(np.float64, (n, n), elements=numbers))


def full(rows, columns, seed):
    """A matrix of full rank, far from losing it."""
    U, _, Vt = np.linalg.svd(np.random.default_rng(seed).normal(size=(rows, columns)), full_matrices=False)
    return U * np.linspace(1, 3, min(rows, columns)) @ Vt


@quick
@given(vectors)
def test_norms_are_those_of_numpy_and_in_order(x):
    assert ours.l1_norm(x) == pytest.approx(np.linalg.norm(x, 1))
    assert ours.l2_norm(x) == pytest.approx(np.linalg.norm(x))
    assert ours.max_norm(x) == np.linalg.norm(x, np.inf)
    assert ours.max_norm(x) <= ours.l2_norm(x) + 1e-12 and ours.l2_norm(x) <= ours.l1_norm(x) + 1e-12


@quick
@given(st.data(), vectors, numbers)
def test_norms_are_norms(data, x, a):
    y = data.draw(arrays(np.float64, len(x), elements=numbers))
    for norm in (ours.l1_norm, ours.l2_norm, ours.max_norm):
        assert norm(x + y) <= norm(x) + norm(y) + 1e-9
        assert norm(a * x) == pytest.approx(abs(a) * norm(x))
        assert (norm(x) == 0) == (not x.any())
    assert abs(ours.dot(x, y)) <= ours.l2_norm(x) * ours.l2_norm(y) + 1e-9
    assert ours.dot(x, y) == pytest.approx(x @ y)


@quick
@given(matrices())
def test_frobenius_is_the_trace_of_a_matrix_with_its_transpose(A):
    assert ours.frobenius_norm(A) ** 2 == pytest.approx(ours.trace(ours.product(A, A.T)))
    assert ours.frobenius_norm(A) == pytest.approx(np.linalg.norm(A))


@quick
@given(st.data(), sides, sides, sides)
def test_the_trace_of_a_product_goes_round(data, i, j, k):
    A, B, C = (data.draw(arrays(np.float64, shape, elements=numbers)) for shape in ((i, j), (j, k), (k, i)))
    found = ours.trace(ours.product(ours.product(A, B), C))
    assert found == pytest.approx(ours.trace(ours.product(ours.product(C, A), B)), abs=1e-9)
    assert found == pytest.approx(ours.trace(ours.product(ours.product(B, C), A)), abs=1e-9)
    assert found == pytest.approx(np.trace(A @ B @ C), abs=1e-9)


@quick
@given(squares, st.integers(0, 999))
def test_a_quadratic_form_on_the_sphere_lies_between_the_eigenvalues(half, seed):
    A = (half + half.T) / 2
    values, Q = ours.eigen(A)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(A)[::-1], atol=1e-9)
    assert ours.quadratic_form(Q[:, 0], A) == pytest.approx(values[0], abs=1e-9)
    assert ours.quadratic_form(Q[:, -1], A) == pytest.approx(values[-1], abs=1e-9)
    for x in np.random.default_rng(seed).normal(size=(20, len(A))):
        assert values[-1] - 1e-9 <= ours.quadratic_form(x / ours.l2_norm(x), A) <= values[0] + 1e-9


@quick
@given(squares)
def test_eigenvectors_are_orthogonal_and_make_the_matrix(half):
    A = half + half.T
    values, Q = ours.eigen(A)
    np.testing.assert_allclose(ours.product(Q, Q.T), np.eye(len(A)), atol=1e-12)
    np.testing.assert_allclose(Q * values @ Q.T, A, atol=1e-9)
    np.testing.assert_allclose(A @ Q, Q * values, atol=1e-9)


@quick
@given(sides, sides, st.integers(0, 999))
def test_singular_values_are_roots_of_eigenvalues(rows, columns, seed):
    A = full(rows, columns, seed)
    D, U, V = ours.singular_values(A)
    np.testing.assert_allclose(D, np.linalg.svd(A, compute_uv=False), atol=1e-9)
    np.testing.assert_allclose(U * D @ V.T, A, atol=1e-9)
    np.testing.assert_allclose(U.T @ U, np.eye(len(D)), atol=1e-9)
    assert ours.frobenius_norm(A) == pytest.approx(np.sqrt((D**2).sum()))


@quick
@given(sides, sides, st.integers(0, 999), st.booleans())
def test_the_pseudo_inverse_is_numpys_also_where_columns_depend(rows, columns, seed, dependent):
    A = full(rows, columns, seed)
    if dependent:
        A = np.concatenate([A, A @ np.ones((columns, 1))], 1)
    found = ours.pseudo_inverse(A)
    np.testing.assert_allclose(found, np.linalg.pinv(A, rcond=1e-8), atol=1e-7)
    np.testing.assert_allclose(A @ found @ A, A, atol=1e-7)  # Moore and Penrose
    np.testing.assert_allclose((found @ A).T, found @ A, atol=1e-7)
    limit = np.linalg.solve(A.T @ A + 1e-7 * np.eye(A.shape[1]), A.T)
    np.testing.assert_allclose(found, limit, atol=1e-5)


@quick
@given(st.integers(0, 999))
def test_a_wide_system_is_solved_by_the_shortest_vector(seed):
    A, draw = full(3, 5, seed), np.random.default_rng(seed)
    y = draw.normal(size=3)
    x = ours.pseudo_inverse(A) @ y
    np.testing.assert_allclose(A @ x, y, atol=1e-9)
    for other in draw.normal(size=(10, 5)):
        solution = other + ours.pseudo_inverse(A) @ (y - A @ other)  # any other
        np.testing.assert_allclose(A @ solution, y, atol=1e-9)
        assert ours.l2_norm(x) <= ours.l2_norm(solution)


@quick
@given(st.integers(0, 999))
def test_a_tall_system_is_solved_by_least_squares(seed):
    A, draw = full(7, 3, seed), np.random.default_rng(seed)
    y = draw.normal(size=7)
    x = ours.pseudo_inverse(A) @ y
    np.testing.assert_allclose(x, np.linalg.lstsq(A, y, rcond=None)[0], atol=1e-9)
    np.testing.assert_allclose(A.T @ (A @ x - y), 0, atol=1e-9)
    for other in x + 0.1 * draw.normal(size=(10, 3)):
        assert ours.l2_norm(A @ x - y) < ours.l2_norm(A @ other - y)


@quick
@given(st.integers(1, 5).flatmap(lambda n: st.permutations(range(n))))
def test_permutation_matrices_are_orthogonal_and_not_all_are_rotations(pi):
    P = ours.permutation_matrix(pi)
    assert (ours.product(P, P.T) == np.eye(len(pi))).all()
    assert (P @ np.arange(len(pi)) == pi).all()
    swaps = sum(pi[i] > pi[j] for i in range(len(pi)) for j in range(i + 1, len(pi)))
    assert ours.determinant(P) == (-1) ** swaps


@quick
@given(st.integers(1, 5), st.integers(0, 999))
def test_orthogonal_matrices_keep_lengths_and_have_determinant_one_or_minus_one(n, seed):
    U, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    x = np.random.default_rng(seed + 1).normal(size=n)
    np.testing.assert_allclose(ours.product(U, U.T), np.eye(n), atol=1e-12)
    assert ours.l2_norm(U @ x) == pytest.approx(ours.l2_norm(x))
    assert abs(ours.determinant(U)) == pytest.approx(1)
    mirrored = U * np.array([-1.0] + [1.0] * (n - 1))
    assert ours.determinant(mirrored) == pytest.approx(-ours.determinant(U))
    np.testing.assert_allclose(ours.product(mirrored, mirrored.T), np.eye(n), atol=1e-12)


@quick
@given(squares)
def test_the_determinant_is_the_product_of_eigenvalues(half):
    A = (half + half.T) / 4
    assert ours.determinant(A) == pytest.approx(np.prod(ours.eigen(A)[0]), rel=1e-6, abs=1e-6)
    assert ours.determinant(A) == pytest.approx(np.linalg.det(A), rel=1e-6, abs=1e-6)


def slope(function, x):
    return torch.autograd.functional.jacobian(function, torch.tensor(x)).numpy()


@quick
@given(st.data(), st.integers(1, 5))
def test_derivatives_are_those_of_autograd(data, n):
    x = data.draw(arrays(np.float64, n, elements=numbers.filter(lambda a: abs(a) > 0.01)))
    A, B = (data.draw(arrays(np.float64, (n, n), elements=numbers)) for _ in range(2))
    At, Bt = torch.tensor(A), torch.tensor(B)
    cases = [
        (ours.derivative_of_squared_l2(x), lambda x: x.norm() ** 2),
        (ours.derivative_of_l2(x), lambda x: x.norm()),  # not 2xᵀ
        (ours.derivative_of_sum(x), lambda x: x.sum()),
        (ours.derivative_of_quadratic_form(x, A), lambda x: x @ At @ x),
        (ours.derivative_of_dot(A @ x, B @ x, A, B), lambda x: (At @ x) @ (Bt @ x)),
        (A, lambda x: At @ x),
        (A.T, lambda x: x @ At),
    ]
    for expected, function in cases:
        np.testing.assert_allclose(slope(function, x), expected, atol=1e-8)
