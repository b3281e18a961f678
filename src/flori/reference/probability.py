"""Probability and information, literally. Entropies are in nats.

E[x] = Σᵢ pᵢxᵢ     Var(x) = E[(x − E[x])²]     Cov(x, y) = E[(x − E[x])(y − E[y])]
correlation = Cov(x, y)/√(Var(x)Var(y))
H(p) = −Σ pᵢ log pᵢ     H(p, q) = −Σ pᵢ log qᵢ     KL(p‖q) = Σ pᵢ log(pᵢ/qᵢ) = H(p, q) − H(p)

A sample of N numbers has pᵢ = 1/N each. The Gaussian that gives it the highest likelihood has its mean and its variance
(with 1/N, not 1/(N − 1)). For y = wᵀx + b + noise from N(0, σ²)

−log p(y | x) = ½ log 2πσ² + (y − wᵀx − b)²/2σ²,

so the likeliest w and b are those of the least squares, whatever σ is.
"""

import math


def mean(x, p):
    total = 0.0
    for x_i, p_i in zip(x, p):
        total += p_i * x_i
    return total


def variance(x, p):
    centre = mean(x, p)
    return mean([(x_i - centre) ** 2 for x_i in x], p)


def covariance(x, y, p):
    """p[i][j] is the probability of x_i together with y_j."""
    p_x = [sum(row) for row in p]
    p_y = [sum(row[j] for row in p) for j in range(len(y))]
    x_mean, y_mean = mean(x, p_x), mean(y, p_y)
    total = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            total += p[i][j] * (x[i] - x_mean) * (y[j] - y_mean)
    return total


def correlation(x, y, p):
    p_x = [sum(row) for row in p]
    p_y = [sum(row[j] for row in p) for j in range(len(y))]
    return covariance(x, y, p) / math.sqrt(variance(x, p_x) * variance(y, p_y))


def independent(p, within=1e-12):
    """Whether p(x, y) = p(x)p(y) everywhere."""
    p_x = [sum(row) for row in p]
    p_y = [sum(row[j] for row in p) for j in range(len(p[0]))]
    return all(abs(p[i][j] - p_x[i] * p_y[j]) <= within for i in range(len(p_x)) for j in range(len(p_y)))


def entropy(p):
    """0 log 0 counts as 0."""
    total = 0.0
    for p_i in p:
        if p_i > 0:
            total -= p_i * math.log(p_i)
    return total


def cross_entropy(p, q):
    """Infinite where q has no room for what p holds possible."""
    total = 0.0
    for p_i, q_i in zip(p, q):
        if p_i > 0:
            total -= p_i * (math.log(q_i) if q_i > 0 else -math.inf)
    return total


def kl_divergence(p, q):
    total = 0.0
    for p_i, q_i in zip(p, q):
        if p_i > 0:
            total += p_i * math.log(p_i / q_i) if q_i > 0 else math.inf
    return total


def gaussian_log_density(x, mu, variance):
    return -0.5 * math.log(2 * math.pi * variance) - (x - mu) ** 2 / (2 * variance)


def gaussian_log_likelihood(sample, mu, variance):
    total = 0.0
    for x in sample:
        total += gaussian_log_density(x, mu, variance)
    return total


def likeliest_gaussian(sample):
    equal = [1 / len(sample)] * len(sample)
    return mean(sample, equal), variance(sample, equal)


def squared_errors(X, y, w, b):
    total = 0.0
    for x_i, y_i in zip(X, y):
        total += (y_i - sum(w_j * x_ij for w_j, x_ij in zip(w, x_i)) - b) ** 2
    return total


def log_likelihood_with_noise(X, y, w, b, noise):
    """Of numbers y [N] that are wᵀx + b with Gaussian noise of variance `noise`."""
    total = 0.0
    for x_i, y_i in zip(X, y):
        total += gaussian_log_density(y_i, sum(w_j * x_ij for w_j, x_ij in zip(w, x_i)) + b, noise)
    return total


def dependent_without_covariance(steps):
    """The notes' example: x uniform on [−1, 1], here on a grid of 2·steps + 1 points; s is 1 or −1 with a half each;
    y = sx. Gives the points and p[i][j] of (xᵢ, yⱼ): x says how large y is, but not which way."""
    points = [k / steps for k in range(-steps, steps + 1)]
    count = len(points)
    p = [[0.0] * count for _ in points]
    for i in range(count):
        for j in (i, count - 1 - i):  # y = x and y = −x
            p[i][j] += 0.5 / count
    return points, p
