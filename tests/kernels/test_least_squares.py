"""The least-squares line against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from mineeco_xr.kernels.least_squares import OUTPUTS, least_squares


@settings(max_examples=15)
@given(
    length=st.integers(3, 40),
    gaps=st.sampled_from([0.0, 0.3]),
    offset=st.sampled_from([0.0, 1e4]),
    seed=st.integers(0, 10_000),
)
def test_equals_scipy(length, gaps, offset, seed):
    rng = np.random.default_rng(seed)
    times = np.arange(float(length)) if seed % 2 else np.sort(rng.random(length)) * 30
    values = rng.normal(size=(length, 12)) + np.linspace(-3, 3, 12) * times[:, None] / 30 + offset
    values[rng.random(values.shape) < gaps] = np.nan
    found = dict(zip(OUTPUTS, least_squares(values, times, 3), strict=True))
    for i in range(12):
        valid = np.isfinite(values[:, i])
        assert found["n"][i] == valid.sum()
        if valid.sum() < 3:
            assert np.isnan(found["slope"][i])
            continue
        peer = linregress(times[valid], values[valid, i])
        scale = 1e-12 * (1 + offset)
        assert found["slope"][i] == pytest.approx(peer.slope, rel=1e-12, abs=scale)
        assert found["intercept"][i] == pytest.approx(peer.intercept, rel=1e-12, abs=scale)
        assert found["r"][i] == pytest.approx(peer.rvalue, abs=scale)
        assert found["error"][i] == pytest.approx(peer.stderr, rel=1e-6, abs=scale)


def test_a_constant_has_no_slope_however_its_mean_rounds():
    found = least_squares(np.full((10, 1), 0.1), np.arange(10.0), 3)
    np.testing.assert_array_equal(found[[0, 2, 3], 0], 0)
    assert found[1, 0] == pytest.approx(0.1, rel=1e-15)


def test_a_line_has_no_error():
    found = least_squares(3.0 - 2.0 * np.arange(8.0)[:, None], np.arange(8.0), 3)
    np.testing.assert_array_equal(found[:, 0], [-2.0, 3.0, -1.0, 0.0, 8.0])
