"""The variation kernel against NumPy."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.kernels.variation import coefficient_of_variation


@given(length=st.integers(2, 20), seed=st.integers(0, 1000), least=st.integers(2, 6))
def test_equals_numpy(length, seed, least):
    rng = np.random.default_rng(seed)
    values = rng.normal(50, 5, (length, 13))
    values[rng.random(values.shape) < 0.2] = np.nan
    found = coefficient_of_variation(values, least)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.nanstd(values, axis=0, ddof=1) / np.nanmean(values, axis=0)
    expected[np.isfinite(values).sum(axis=0) < least] = np.nan
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_mean_of_zero_has_none():
    assert np.isnan(coefficient_of_variation(np.array([[-1.0], [1.0]]), 2)).all()
