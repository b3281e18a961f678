"""Identities of probability and information, on what hypothesis thinks of; formulas against numpy, scipy and torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from flori.reference import probability as ours

quick = settings(deadline=None, derandomize=True, database=None, max_examples=25)
numbers = st.floats(-10, 10).map(lambda x: round(x, 3))
samples = st.integers(3, 11).flatmap(lambda n: arrays(np.float64, n, elements=numbers))
scales = st.floats(0.5, 3)


def chances(count):
    """A distribution over so many values, some of them perhaps impossible."""
    shares = st.lists(st.integers(0, 9), min_size=count, max_size=count)
    return shares.filter(any).map(lambda found: np.array(found) / sum(found))


pairs = st.integers(2, 7).flatmap(lambda n: st.tuples(chances(n), chances(n)))


@quick
@given(st.data(), st.integers(1, 7), numbers, numbers)
def test_expectation_is_linear_and_variance_is_not(data, n, a, b):
    x, y = (data.draw(arrays(np.float64, n, elements=numbers)) for _ in range(2))
    p = data.draw(chances(n))
    assert ours.mean(a * x + b * y, p) == pytest.approx(a * ours.mean(x, p) + b * ours.mean(y, p), abs=1e-9)
    assert ours.variance(a * x + b, p) == pytest.approx(a**2 * ours.variance(x, p), abs=1e-8)
    assert ours.variance(x, p) == pytest.approx(ours.mean(x**2, p) - ours.mean(x, p) ** 2, abs=1e-9)
    assert ours.mean(x, p) == pytest.approx(np.average(x, weights=p), abs=1e-12)


@quick
@given(samples)
def test_a_sample_has_the_moments_of_numpy(x):
    equal = [1 / len(x)] * len(x)
    assert ours.mean(x, equal) == pytest.approx(x.mean(), abs=1e-12)
    assert ours.variance(x, equal) == pytest.approx(x.var(), abs=1e-9)


@quick
@given(st.data(), st.integers(3, 7))
def test_covariance_and_correlation_of_a_sample_are_numpys(data, n):
    x, y = (np.array(data.draw(st.lists(numbers, min_size=n, max_size=n, unique=True))) for _ in range(2))
    p = np.eye(n) / n  # x_i comes with y_i
    found = ours.covariance(x, y, p)
    assert found == pytest.approx(np.cov(x, y, bias=True)[0, 1], abs=1e-9)
    assert ours.covariance(x, x, p) == pytest.approx(x.var())
    assert ours.correlation(x, y, p) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)
    assert abs(ours.correlation(x, y, p)) <= 1 + 1e-9
    assert ours.correlation(x, -3 * x + 2, p) == pytest.approx(-1)


@quick
@given(pairs)
def test_independent_variables_have_no_covariance(both):
    p_x, p_y = both
    p, values = np.outer(p_x, p_y), np.arange(len(p_x)) ** 2.0
    assert ours.independent(p)
    assert ours.covariance(values, values, p) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 11])
def test_dependent_variables_may_have_none_either(steps):
    """x uniform on [−1, 1] and y = sx with a random sign: the notes' example."""
    points, p = ours.dependent_without_covariance(steps)
    assert sum(map(sum, p)) == pytest.approx(1)
    assert ours.covariance(points, points, p) == pytest.approx(0, abs=1e-15)
    assert not ours.independent(p)
    squares = [x**2 for x in points]
    assert ours.correlation(squares, squares, p) == pytest.approx(1)  # how large they are goes together entirely


def test_the_example_drawn_at_random():
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, 100_000)
    y = x * draw.choice([-1, 1], len(x))
    assert abs(np.cov(x, y)[0, 1]) < 4 * (1 / math.sqrt(5)) / math.sqrt(len(x))  # deviation of xy: √E[x⁴]
    assert (np.abs(x) == np.abs(y)).all()


@quick
@given(pairs)
def test_entropies_are_scipys_and_torchs(both):
    p, q = both
    assert ours.entropy(p) == pytest.approx(stats.entropy(p))
    assert ours.kl_divergence(p, q) == pytest.approx(stats.entropy(p, q))
    assume((q > 0).all())
    logits = torch.tensor(q).log()
    expected = float(torch.nn.functional.cross_entropy(logits[None], torch.tensor(p)[None]))
    assert ours.cross_entropy(p, q) == pytest.approx(expected)


@quick
@given(pairs)
def test_what_holds_of_entropies(both):
    p, q = both
    uniform = np.full(len(p), 1 / len(p))
    assert 0 <= ours.entropy(p) <= math.log(len(p)) + 1e-12
    assert ours.entropy(uniform) == pytest.approx(math.log(len(p)))
    assert ours.kl_divergence(p, q) >= -1e-12 and ours.kl_divergence(p, p) == 0
    assert ours.kl_divergence(p, uniform) == pytest.approx(math.log(len(p)) - ours.entropy(p), abs=1e-12)
    assert ours.cross_entropy(p, q) == pytest.approx(ours.entropy(p) + ours.kl_divergence(p, q))
    assert ours.cross_entropy(p, q) >= ours.entropy(p) - 1e-12


def test_kl_is_no_distance():
    p, q = [0.9, 0.1], [0.5, 0.5]
    assert ours.kl_divergence(p, q) != pytest.approx(ours.kl_divergence(q, p), abs=0.05)
    assert ours.kl_divergence([0.5, 0.5], [1.0, 0.0]) == math.inf == ours.cross_entropy([0.5, 0.5], [1.0, 0.0])


@quick
@given(samples, scales, scales)
def test_the_likeliest_gaussian_has_the_moments_of_the_sample(x, shift, stretch):
    assume(x.var() > 0.01)
    mu, variance = ours.likeliest_gaussian(x)
    assert (mu, variance) == pytest.approx((x.mean(), stats.norm.fit(x)[1] ** 2))
    best = ours.gaussian_log_likelihood(x, mu, variance)
    assert best == pytest.approx(stats.norm.logpdf(x, mu, math.sqrt(variance)).sum())
    assert best >= ours.gaussian_log_likelihood(x, mu + shift - 1.7, variance)
    assert best >= ours.gaussian_log_likelihood(x, mu, variance * stretch) - 1e-9
    unbiased = variance * len(x) / (len(x) - 1)
    assert best > ours.gaussian_log_likelihood(x, mu, unbiased)


@quick
@given(st.integers(0, 999), scales)
def test_with_gaussian_noise_the_likeliest_line_is_that_of_least_squares(seed, noise):
    draw = np.random.default_rng(seed)
    X, y = draw.normal(size=(11, 3)), draw.normal(size=11)
    *w, b = np.linalg.lstsq(np.c_[X, np.ones(11)], y, rcond=None)[0]
    best, least = ours.log_likelihood_with_noise(X, y, w, b, noise), ours.squared_errors(X, y, w, b)
    assert best == pytest.approx(-11 / 2 * math.log(2 * math.pi * noise) - least / (2 * noise))
    for change in 0.1 * draw.normal(size=(5, 4)):
        other = (np.array(w) + change[:3], b + change[3])
        worse, more = ours.log_likelihood_with_noise(X, y, *other, noise), ours.squared_errors(X, y, *other)
        assert worse < best and more > least
        assert best - worse == pytest.approx((more - least) / (2 * noise))
