"""The area of applicability, against its definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from mineeco_xr.carbonwater.applicability import Applicability, applicable_block, range_block


def test_equals_its_definition():
    rng = np.random.default_rng(0)
    train, importance = rng.normal(5, [1, 3, 9], (60, 3)), np.array([0.5, -0.1, 0.25])
    folds, new = rng.integers(0, 4, 60), rng.normal(5, 6, (40, 3))
    seen = Applicability(train, importance, folds)
    weight = np.array([1.0, 0.0, 0.5]) / train.std(axis=0, ddof=1)
    scaled = train * weight
    between = cdist(scaled, scaled)
    mean = pdist(scaled).mean()
    expected = cdist(new * weight, scaled).min(axis=1) / mean
    np.testing.assert_allclose(seen.dissimilarity(new), expected, rtol=1e-10)
    own = [between[i, folds != folds[i]].min() / mean for i in range(60)]
    low, high = np.quantile(own, [0.25, 0.75])
    limit = max(value for value in own if value <= high + 1.5 * (high - low))
    assert seen.threshold == pytest.approx(limit, rel=1e-10)


def test_training_cells_are_at_home_and_far_ones_are_not():
    rng = np.random.default_rng(1)
    train = rng.normal(size=(80, 2))
    seen = Applicability(train, np.zeros(2), np.arange(80) % 5)
    assert (seen.dissimilarity(train) == 0).all()
    assert seen.dissimilarity(np.array([[50.0, 50.0]])) > seen.threshold
    flags = applicable_block(np.array([0.0, 99.0, np.nan], "float32"), threshold=seen.threshold)
    assert flags.tolist() == [1, 0, 255]


def test_the_range_of_the_predictors():
    first, second = np.array([[0.0, 1.0, 2.0, np.nan]]), np.array([[5.0, 5.0, 5.0, 5.0]])
    limits = {"low": np.array([4.0, 0.5]), "high": np.array([6.0, 2.0])}
    found = range_block(second, first, **limits)
    assert found.tolist() == [[1, 0, 0, 255]]
