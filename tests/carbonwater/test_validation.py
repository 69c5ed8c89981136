"""Folds, measures and importance of a cross-validation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from mineeco_xr.carbonwater.validation import cross_validated, folds_of, measures
from mineeco_xr.errors import ParameterError

OPTIONS = {"folds": 4, "block_cells": 5, "seed": 0}


def fit(features, target, weights):
    return LinearRegression().fit(features, target, sample_weight=weights).predict


def test_measures_equal_scikit_learns():
    rng = np.random.default_rng(0)
    observed = rng.normal(10, 3, 50)
    predicted = observed + rng.normal(size=50)
    found = measures(np.r_[predicted, np.nan], np.r_[observed, 4.0])
    assert found["n"] == 50
    assert found["r2"] == pytest.approx(r2_score(observed, predicted), rel=1e-12)
    assert found["mae"] == pytest.approx(mean_absolute_error(observed, predicted), rel=1e-12)
    rmse = np.sqrt(mean_squared_error(observed, predicted))
    assert found["rmse"] == pytest.approx(rmse, rel=1e-12)
    assert found["rrmse"] == pytest.approx(rmse / observed.mean(), rel=1e-12)


def test_blocks_stay_together_with_all_their_dates():
    date, row, column = (part.ravel() for part in np.mgrid[:3, :20, :15])
    folds = folds_of("block", row, column, date, **OPTIONS)
    for block in range(12):
        inside = (row // 5) * 3 + column // 5 == block
        assert len(set(folds[inside])) == 1
    assert set(folds) == {0, 1, 2, 3}
    assert set(folds_of("year", row, column, date, **OPTIONS)) == {0, 1, 2}
    np.testing.assert_array_equal(folds_of("year", row, column, date, **OPTIONS), date)
    sizes = np.bincount(folds_of("random", row, column, date, **OPTIONS))
    assert sizes.max() - sizes.min() <= 1


def test_cross_validation_equals_scikit_learns():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 3))
    target = features @ [3.0, 1.0, 0.0] + rng.normal(size=60) / 5
    folds = rng.integers(0, 4, 60)
    found, importance = cross_validated(fit, features, target, None, folds, shuffled=True)
    expected = cross_val_predict(
        LinearRegression(), features, target, groups=folds, cv=LeaveOneGroupOut()
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert importance[0] > importance[1] > abs(importance[2])
    # Shuffling a predictor of slope b adds 2 b^2 var(x) to the squared error.
    assert importance[0] == pytest.approx(2 * 9 * features[:, 0].var() / target.var(), rel=0.25)


@pytest.mark.parametrize(("scheme", "text"), [("block", "lower block_cells"),
                                              ("year", "there is one date")])  # fmt: skip
def test_nothing_to_deal(scheme, text):
    place = np.arange(4)
    with pytest.raises(ParameterError, match=text):
        folds_of(scheme, place, place, place * 0, **OPTIONS)
