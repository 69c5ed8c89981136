"""Rates of displacement, of the whole series and of its years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

import mineeco_xr as mx
from mineeco_xr.errors import ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (5, 6)
DATES = pd.to_datetime(
    ["2017-11-20", "2018-01-06", "2018-04-12", "2018-10-01", "2019-02-01", "2019-06-01",
     "2019-12-30", "2020-01-11"]
)  # fmt: skip


@settings(max_examples=15)
@given(values=rasters(times=len(DATES), shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    series = with_grid(values, times=DATES, units="mm")
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 8]))}
    assert_chunk_invariant(mx.linear_rate, series, chunks=chunks)
    for method in ("interpolate", "rate"):
        assert_chunk_invariant(mx.annual_displacement, series, chunks=chunks, method=method)


def test_equals_scipy():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(len(DATES), *SHAPE)).cumsum(axis=0) * 10
    values[rng.random(values.shape) < 0.2] = np.nan
    values[2:, 0, 0] = np.nan
    found = mx.linear_rate(with_grid(values, times=DATES, units="mm"))
    years = (DATES - DATES[0]).days.to_numpy() / 365.25
    for i, j in np.ndindex(*SHAPE):
        known = np.isfinite(values[:, i, j])
        assert found["n"][i, j] == known.sum()
        if known.sum() < 3:
            assert np.isnan(found["rate"][i, j])
            continue
        peer = linregress(years[known], values[known, i, j])
        for name, number in (
            ("rate", peer.slope), ("intercept", peer.intercept), ("error", peer.stderr),
            ("r_squared", peer.rvalue**2),
        ):  # fmt: skip
            assert found[name][i, j] == pytest.approx(number, rel=1e-10, abs=1e-11)
    assert found["rate"].attrs["units"] == "mm yr-1"


def test_years_are_interpolated_between_their_ends():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(len(DATES), 2, 2)).cumsum(axis=0)
    found = mx.annual_displacement(with_grid(values, times=DATES, units="mm"))
    assert list(found["time"].values) == list(pd.to_datetime(["2018-01-01", "2019-01-01"]).values)
    days = (DATES - DATES[0]).days.to_numpy()
    for i, j in np.ndindex(2, 2):
        ends = [
            np.interp((pd.Timestamp(f"{year}-01-01") - DATES[0]).days, days, values[:, i, j])
            for year in (2018, 2019, 2020)
        ]
        np.testing.assert_allclose(found[:, i, j], np.diff(ends), atol=1e-12)
    assert found.attrs["units"] == "mm yr-1"
    values[3, 0, 0] = np.nan
    gap = mx.annual_displacement(with_grid(values, times=DATES, units="mm"))
    assert np.isnan(gap[:, 0, 0]).all()
    assert np.isfinite(gap[:, 1, 1]).all()


def test_years_are_fitted():
    values = np.random.default_rng(2).normal(size=(len(DATES), 1, 1)).cumsum(axis=0)
    found = mx.annual_displacement(with_grid(values, times=DATES, units="mm"), method="rate")
    assert list(found["time"].dt.year.values) == [2018, 2019]
    years = (DATES - DATES[0]).days.to_numpy() / 365.25
    for k, own in enumerate((slice(1, 4), slice(4, 7))):
        slope = linregress(years[own], values[own, 0, 0]).slope
        assert found[k].item() == pytest.approx(slope, rel=1e-10)


def test_bad_input():
    values = np.zeros((len(DATES), *SHAPE))
    series = with_grid(values, times=DATES, units="mm")
    with pytest.raises(SchemaError, match="hold no whole year: take method='rate' or linear_rate"):
        mx.annual_displacement(series[1:4])
    with pytest.raises(SchemaError, match="hold no year with three dates"):
        mx.annual_displacement(series[:2], method="rate")
    with pytest.raises(ParameterError, match="method is 'spline'"):
        mx.annual_displacement(series, method="spline")
    with pytest.raises(SchemaError, match="the date 2018-01-06 is out of order"):
        mx.linear_rate(series.isel(time=[0, 2, 1, 3]))
    with pytest.raises(SchemaError, match="has 2 dates and min_n is 3"):
        mx.linear_rate(series[:2])
    with pytest.raises(ParameterError, match="min_n is 2"):
        mx.linear_rate(series, min_n=2)
    with pytest.raises(SchemaError, match="no dates along 'time'"):
        mx.linear_rate(series[0])
    with pytest.raises(SchemaError, match="'time' holds int64, not dates"):
        mx.linear_rate(series.assign_coords(time=np.arange(len(DATES))))
