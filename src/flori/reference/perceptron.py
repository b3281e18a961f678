"""The perceptron, literally (Rosenblatt 1958).

o = 1 if w₁x₁ + … + w_Dx_D + b > 0, else −1; classes y are −1 and 1
where y(⟨w, x⟩ + b) ≤ 0:    w ← w + yx          b ← b + y

If all examples lie within a radius r, and some w*, b* with ‖w*‖² + b*² = 1 has y(⟨w*, x⟩ + b*) ≥ ρ for all of them,
then from w = 0 there are at most (r² + 1)/ρ² mistakes, in whatever order the examples come (Novikoff 1962).

For K classes (Kesler's construction; Duda and Hart 1973), with o_k = ⟨w_k, x⟩ + b_k and o_j the largest with j ≠ y:
where o_y ≤ o_j:    w_y ← w_y + x     b_y ← b_y + 1     w_j ← w_j − x     b_j ← b_j − 1
With two classes w₁ is Rosenblatt's w, and w₀ = −w.
"""

import math


def score(x, w, b):
    total = 0.0
    for j in range(len(x)):
        total += w[j] * x[j]
    return total + b


def one_pass(X, y, w, b):
    """One pass over examples of the classes −1 and 1: the new w and b, and the number of mistakes."""
    w, mistakes = list(w), 0
    for x, side in zip(X, y):
        if side * score(x, w, b) <= 0:
            for j in range(len(x)):
                w[j] += side * x[j]
            b += side
            mistakes += 1
    return w, b, mistakes


def radius(X):
    return max(math.sqrt(sum(x_j * x_j for x_j in x)) for x in X)


def margin(X, y, w, b):
    length = math.sqrt(sum(w_j * w_j for w_j in w) + b * b)
    return min(side * score(x, w, b) for x, side in zip(X, y)) / length


def most_mistakes(r, rho):
    return (r * r + 1) / (rho * rho)


def strongest_other(x, y, W, b):
    best = None
    for k in range(len(W)):
        if k != y and (best is None or score(x, W[k], b[k]) > score(x, W[best], b[best])):
            best = k
    return best


def one_pass_of_many(X, y, W, b):
    """One pass over examples of the classes 0 to K−1: the new W and b, and the number of mistakes."""
    W, b, mistakes = [list(w) for w in W], list(b), 0
    for x, right in zip(X, y):
        wrong = strongest_other(x, right, W, b)
        if score(x, W[right], b[right]) <= score(x, W[wrong], b[wrong]):
            for j in range(len(x)):
                W[right][j] += x[j]
                W[wrong][j] -= x[j]
            b[right] += 1
            b[wrong] -= 1
            mistakes += 1
    return W, b, mistakes


def loss(x, y, W, b):
    """How far the strongest wrong class is above the right one, or 0."""
    wrong = strongest_other(x, y, W, b)
    return max(0.0, score(x, W[wrong], b[wrong]) - score(x, W[y], b[y]))
