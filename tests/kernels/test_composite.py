"""Kernels of composites against NumPy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mineeco_xr.kernels.composite import medoid_date, season_median


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dates", [1, 2, 5, 12])
def test_median_has_numpys_bits(dtype, dates):
    rng = np.random.default_rng(dates)
    values = rng.integers(0, 9, (dates, 7, 11)).astype(dtype) / 7
    values[rng.random(values.shape) < 0.4] = np.nan
    values[:, 0, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanmedian(values, axis=0)
    found = season_median(values)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_medoid_of_known_spectra():
    bands = np.array(
        [
            [[1, 5, np.nan], [2, 5, np.nan], [9, 5, 1]],
            [[1, 1, 1], [2, 1, 1], [9, 1, np.nan]],
        ],
        dtype="float32",
    )
    # The middle one; the earliest of equal ones; none with both bands.
    assert medoid_date(bands).tolist() == [1, 0, -1]


def test_infinite_values_are_neither_lost_nor_nodata():
    values = np.array([[np.inf], [1.0], [2.0]])
    assert season_median(values).tolist() == [2.0]
