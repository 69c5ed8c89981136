"""Trend and variation of rasters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymannkendall
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)


@given(values=rasters(times=12, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}
    assert_chunk_invariant(mx.trend, with_grid(values), chunks=chunks)
    assert_chunk_invariant(mx.variation, with_grid(values), chunks=chunks)


@given(values=rasters(times=12, shape=(3, 3)))
def test_equals_pymannkendall(values):
    found = mx.trend(with_grid(values))
    for i, j in np.ndindex(3, 3):
        series = values[:, i, j].astype("float64")
        if np.isfinite(series).sum() < 10:
            assert np.isnan(found["slope"][i, j])
            continue
        peer = pymannkendall.original_test(series)
        assert found["s"][i, j] == peer.s
        assert found["p"][i, j] == pytest.approx(peer.p, abs=1e-12)
        assert found["slope"][i, j] == pytest.approx(peer.slope, rel=1e-12, abs=1e-12)
        assert found["intercept"][i, j] == pytest.approx(peer.intercept, rel=1e-12)


def test_slopes_are_per_year_whatever_the_dates():
    dates = pd.to_datetime(["2001-09-30", "2002-09-30", "2004-09-30", "2010-09-30"])
    values = (np.array([0.0, 1, 3, 9]) * 2)[:, None, None] * np.ones((4, 1, 1))
    found = mx.trend(with_grid(values, times=dates, units="mm"), min_n=4)
    assert found["slope"].item() == 2.0
    assert found["slope"].attrs["units"] == "mm yr-1"
    assert found["intercept"].item() == 0.0


def test_order_of_dims_does_not_matter():
    values = np.random.default_rng(0).normal(size=(12, 3, 4))
    raster = with_grid(values)
    np.testing.assert_array_equal(
        mx.trend(raster)["slope"], mx.trend(raster.transpose("y", "x", "time"))["slope"]
    )


def test_integers_and_an_all_nodata_year():
    values = np.arange(12)[:, None, None] * np.ones((12, 1, 1), "int16")
    assert mx.trend(with_grid(values.astype("int16")))["slope"].item() == 1.0
    gap = values.astype("float32")
    gap[4] = np.nan
    found = mx.trend(with_grid(gap))
    assert found["n"].item() == 11
    assert found["slope"].item() == 1.0


def test_variation_equals_numpy():
    values = np.random.default_rng(0).normal(10, 2, (12, 4, 5))
    values[3, 0] = np.nan
    found = mx.variation(with_grid(values))
    expected = np.nanstd(values, axis=0, ddof=1) / np.nanmean(values, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.attrs["units"] == "1"
    assert np.isnan(mx.variation(with_grid(np.zeros((4, 1, 1))))).all()


def test_bad_input():
    values = np.zeros((12, 3, 4))
    with pytest.raises(SchemaError, match="5 dates and min_n is 10"):
        mx.trend(with_grid(values[:5]))
    with pytest.raises(ParameterError, match="'ols' is unknown"):
        mx.trend(with_grid(values), method="ols")
    with pytest.raises(ParameterError, match="at least 3"):
        mx.trend(with_grid(values), min_n=2)
    with pytest.raises(SchemaError, match="stands twice"):
        mx.trend(with_grid(values).isel(time=[0, *range(11), 11]))
    with pytest.raises(SchemaError, match="no dim 'time'"):
        mx.variation(with_grid(values[0]))
    with pytest.raises(ParameterError, match="at least 2"):
        mx.variation(with_grid(values), min_n=1)
    with pytest.raises(GridMismatch, match="no coordinate reference"):
        mx.trend(with_grid(values).drop_vars("spatial_ref"))
