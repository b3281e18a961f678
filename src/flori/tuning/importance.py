"""How much of the score's variance each setting explains by itself: functional analysis of variance.

importance_i = Var_xᵢ(E[f | xᵢ]) / Var(f), for f the score over the spaces as a random forest has learnt it from the
trials that came to their end (Hutter, Hoos and Leyton-Brown 2014). Each range counts on its own scale, logarithmic ones
by their logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from flori.tuning.spaces import Space, Value

LEAST = 4  # trials from which anything is learnt
DRAWN, PLACES = 400, 41  # points that the mean is over, and values of a setting that it is taken at


def importances(
    spaces: Sequence[Space], trials: Sequence[tuple[Mapping[str, Value], float]], seed: int = 0
) -> dict[str, float]:
    """The share of the variance that each setting explains, by key, the largest first; what is left is due to settings
    acting together. Empty where the trials are too few, or all alike.

    Args:
        trials: the values of all spaces by key, and the score.
    """
    scores = np.array([score for _, score in trials])
    if len(trials) < LEAST or np.ptp(scores) == 0:
        return {}
    from sklearn.ensemble import RandomForestRegressor

    rows = np.array([[place(space, values[space.key]) for space in spaces] for values, _ in trials])
    forest = RandomForestRegressor(n_estimators=100, random_state=seed).fit(rows, scores)
    rng = np.random.default_rng(seed)
    points = np.stack([_drawn(space, rng) for space in spaces], axis=1)
    total = forest.predict(points).var()
    if total == 0:
        return {}
    shares = {space.key: _main_effect(forest, points, i, space) / total for i, space in enumerate(spaces)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def place(space: Space, value: Value) -> float:
    """Where a value lies in its space: 0 to 1 on the scale of a range; the number of a choice."""
    if space.choices:
        return float(space.choices.index(str(value)))
    low, high, x = space.low, space.high, float(value)
    if space.log:
        low, high, x = math.log(low), math.log(high), math.log(x)
    return (x - low) / (high - low)


def _drawn(space: Space, rng: np.random.Generator) -> NDArray[np.float64]:
    """Places all over the space, as likely each."""
    if space.choices:
        return rng.integers(len(space.choices), size=DRAWN).astype(np.float64)
    return rng.random(DRAWN)


def _main_effect(forest: object, points: NDArray[np.float64], column: int, space: Space) -> float:
    """The variance of the mean score over all values of one setting, the others anywhere."""
    values = np.arange(len(space.choices)) if space.choices else (np.arange(PLACES) + 0.5) / PLACES
    rows = np.repeat(points[None], len(values), axis=0)
    rows[:, :, column] = values[:, None]
    said = forest.predict(rows.reshape(-1, points.shape[1]))  # type: ignore[attr-defined]
    return float(said.reshape(len(values), -1).mean(axis=1).var())
