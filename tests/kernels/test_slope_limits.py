"""Limits of the Theil-Sen slope against SciPy."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from scipy.stats import theilslopes

from mineeco_xr.kernels.slope_limits import sen_limits


def test_equals_scipy():
    rng = np.random.default_rng(0)
    times = np.sort(rng.choice(np.arange(0, 60, 0.25), 24, replace=False))
    values = rng.normal(size=(24, 90)).cumsum(axis=0)
    values[:, :30] = values[:, :30].round()
    values[rng.random(values.shape) < 0.3] = np.nan
    values[3:, 89] = np.nan
    for level in (0.5, 0.95, 0.999):
        found = sen_limits(values, times, 3, NormalDist().inv_cdf((1 + level) / 2))
        for i in range(90):
            valid = np.isfinite(values[:, i])
            if valid.sum() < 3:
                assert np.isnan(found[:, i]).all()
                continue
            peer = theilslopes(values[valid, i], times[valid], level)
            np.testing.assert_allclose(found[:, i], peer[2:], rtol=1e-12, atol=1e-14)


def test_limits_of_a_constant():
    np.testing.assert_array_equal(sen_limits(np.ones((9, 1)), np.arange(9.0), 3, 1.96), 0)
