"""Skewed columns and far-off numbers: worked examples, fitted on the training part alone."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from flori.core.recipe import Data, Recipe
from flori.data.examples import Rows
from flori.data.preparation import TablePreparation, restore
from flori.data.preparing import prepare
from flori.data.skew import logarithm, skew_unit, skewness

rng = np.random.default_rng(5)
TAIL = np.exp(rng.normal(size=101) * 1.3)


def test_skewness_equals_scipys():
    assert skewness(TAIL) == pytest.approx(abs(stats.skew(TAIL)), rel=1e-12)
    assert skewness(-TAIL) == pytest.approx(abs(stats.skew(TAIL)), rel=1e-12)
    assert skewness(np.full(7, 1e9)) == 0


def test_the_logarithm_of_hand_picked_numbers():
    found = logarithm(np.array([-6.0, 0.0, 2.0, 14.0]), 2.0)
    np.testing.assert_allclose(found, [-np.log(4), 0, np.log(2), np.log(8)], rtol=1e-15)


@pytest.mark.parametrize("factor", [1e-6, 1.0, -1e4])
def test_the_unit_goes_with_the_units_of_the_column(factor):
    unit = skew_unit(TAIL * factor)
    assert unit == pytest.approx(abs(factor) * np.quantile(TAIL, 0.05), rel=1e-12)
    np.testing.assert_allclose(logarithm(TAIL * factor, unit) * np.sign(factor), logarithm(TAIL, skew_unit(TAIL)))


@pytest.mark.parametrize("numbers", [rng.normal(size=101), np.zeros(7), np.array([]), np.full(7, 3.0), -np.log(TAIL)])
def test_columns_that_are_not_skewed_stay_as_they_are(numbers):
    assert skew_unit(np.asarray(numbers, float)) is None


def test_features_are_standardised_logarithms_within_the_limit():
    frame = pd.DataFrame({"tail": TAIL, "even": np.linspace(-1, 1, 101)})
    frame.loc[3, "tail"] = np.nan
    prepared = TablePreparation.fit(frame, logarithms=True, limit=1.5)
    logs = np.log1p(np.delete(TAIL, 3) / np.quantile(np.delete(TAIL, 3), 0.05))
    standard = np.clip((logs - logs.mean()) / logs.std(), -1.5, 1.5)
    rows = Rows(frame, [f"t.csv:{i}" for i in range(101)])
    found = prepared.apply(rows).numpy()
    np.testing.assert_allclose(np.delete(found[:, 0], 3), standard, atol=1e-12)
    assert found[3].tolist()[:2] == [0, 1] and np.abs(found[:, 2]).max() == 1.5
    assert prepared.features == ["tail", "tail missing", "even"]
    assert restore(json.loads(json.dumps(prepared.state()))) == prepared


def test_as_they_are_by_default():
    prepared = TablePreparation.fit(pd.DataFrame({"tail": TAIL}))
    assert prepared.columns[0].unit is None and prepared.columns[0].limit is None


def test_no_held_out_row_touches_unit_or_limit(tmp_path):
    frame = pd.DataFrame({"tail": TAIL, "y": rng.normal(size=101)})
    options = Data(source=str(tmp_path / "p.csv"), target="y", skewed="log", clip=3.0)

    def ready():
        frame.to_csv(tmp_path / "p.csv", index=False)
        return prepare(Recipe("any", "", ("regression",), None, data=options))

    clean = ready()
    held_out = [int(name.split(":")[1]) - 2 for name in clean.parts["test"].names]
    frame.loc[held_out, "tail"] = 1e9
    poisoned = ready()
    assert poisoned.codec.state() == clean.codec.state() and clean.codec.preparation.columns[0].unit is not None
    assert poisoned.parts["test"].inputs.abs().max() == 3
