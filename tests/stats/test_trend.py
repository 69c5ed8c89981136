"""Trend and variation of rasters."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pymannkendall
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, theilslopes
from scipy.stats import t as student_t

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


def series(length=24, shape=(3, 4), seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(length, *shape))
    for t in range(1, length):
        values[t] += 0.5 * values[t - 1]
    return values


@settings(max_examples=10)
@given(
    values=rasters(times=12, shape=SHAPE),
    options=st.sampled_from(
        [
            {"correction": "hamed_rao"},
            {"correction": "yue_wang"},
            {"correction": "yue_wang", "lags": 1},
            {"correction": "tfpw"},
            {"confidence": 0.9},
            {"method": "ols"},
            {"method": "ols", "confidence": 0.95},
        ]
    ),
    data=st.data(),
)
def test_any_chunking_gives_the_same_bits_with_any_option(values, options, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}
    assert_chunk_invariant(mx.trend, with_grid(values), chunks=chunks, min_n=6, **options)


@pytest.mark.parametrize("correction", ["hamed_rao", "yue_wang", "tfpw"])
def test_corrections_reach_the_user(correction):
    peers = {
        "hamed_rao": pymannkendall.hamed_rao_modification_test,
        "yue_wang": pymannkendall.yue_wang_modification_test,
        "tfpw": pymannkendall.trend_free_pre_whitening_modification_test,
    }
    values = series()
    found = mx.trend(with_grid(values), correction=correction)
    plain = mx.trend(with_grid(values))
    assert list(found) == ["slope", "intercept", "s", "z", "p", "tau", "n"]
    for i, j in np.ndindex(3, 4):
        peer = peers[correction](values[:, i, j])
        assert found["p"][i, j] == pytest.approx(peer.p, abs=1e-9)
        assert found["s"][i, j] == peer.s
    assert (found["p"] != plain["p"]).any()
    for name in ("slope", "intercept", "n"):
        np.testing.assert_array_equal(found[name], plain[name])
    record = json.loads(found.attrs["mineeco"])["parameters"]
    assert (record["method"], record["correction"], record["alpha"]) == ("sen", correction, 0.05)


def test_alpha_is_the_level_of_the_autocorrelations():
    values = series(shape=(4, 9), seed=2)
    strict = mx.trend(with_grid(values), correction="hamed_rao", alpha=1e-9)
    np.testing.assert_allclose(strict["p"], mx.trend(with_grid(values))["p"], rtol=1e-12)
    loose = mx.trend(with_grid(values), correction="hamed_rao", alpha=0.9)
    for i, j in np.ndindex(2, 9):
        peer = pymannkendall.hamed_rao_modification_test(values[:, i, j], alpha=0.9)
        if np.isfinite(peer.p):
            assert loose["p"][i, j] == pytest.approx(peer.p, abs=1e-9)


def test_least_squares_equals_scipy():
    values = series(15) + np.linspace(0, 2, 15)[:, None, None]
    values[[2, 7], 1] = np.nan
    dates = pd.to_datetime([f"{2000 + 2 * i - (i % 3 == 0)}-06-30" for i in range(15)])
    years = (dates.year - dates.year[0]).to_numpy(float)
    raster = with_grid(values.astype("float32"), times=dates, units="mm")
    found = mx.trend(raster, method="ols", confidence=0.95)
    assert list(found) == ["slope", "intercept", "r", "p", "n", "slope_low", "slope_high"]
    assert found["slope_low"].attrs["units"] == found["slope"].attrs["units"] == "mm yr-1"
    for i, j in np.ndindex(3, 4):
        own = raster.values[:, i, j].astype("float64")
        valid = np.isfinite(own)
        peer = linregress(years[valid], own[valid])
        reach = student_t.ppf(0.975, valid.sum() - 2) * peer.stderr
        expected = {
            **{"slope": peer.slope, "intercept": peer.intercept, "r": peer.rvalue},
            **{"p": peer.pvalue, "n": valid.sum()},
            **{"slope_low": peer.slope - reach, "slope_high": peer.slope + reach},
        }
        for name, value in expected.items():
            assert found[name][i, j] == pytest.approx(value, rel=1e-12, abs=1e-13), name


def test_least_squares_of_lines_and_constants():
    years = np.arange(12.0)
    values = np.stack([2 * years, 0 * years + 0.1, np.where(years < 3, years, np.nan)], axis=1)
    found = mx.trend(with_grid(values[:, None]), method="ols")
    np.testing.assert_array_equal(found["slope"].values, [[2.0, 0.0, np.nan]])
    np.testing.assert_array_equal(found["r"].values, [[1.0, 0.0, np.nan]])
    np.testing.assert_array_equal(found["p"].values, [[0.0, 1.0, np.nan]])
    np.testing.assert_array_equal(found["n"].values, [[12, 12, 3]])


def test_limits_equal_scipy_and_hold_the_slope():
    values = series(11)
    found = mx.trend(with_grid(values), confidence=0.95)
    for i, j in np.ndindex(3, 4):
        peer = theilslopes(values[:, i, j], np.arange(11.0), 0.95)
        assert found["slope_low"][i, j] == pytest.approx(peer.low_slope, rel=1e-12)
        assert found["slope_high"][i, j] == pytest.approx(peer.high_slope, rel=1e-12)
    assert (found["slope_low"] <= found["slope"]).all()
    assert (found["slope"] <= found["slope_high"]).all()
    assert "95% confidence" in found["slope_low"].attrs["long_name"]


def test_bad_options():
    raster = with_grid(np.zeros((12, 3, 4)))
    for options, message in (
        ({"method": "lasso"}, r"'lasso' is unknown: choose from \('sen', 'ols'\)"),
        ({"correction": "prewhitening"}, "'prewhitening' is unknown.*'tfpw'"),
        ({"method": "ols", "correction": "tfpw"}, "take method='sen'"),
        ({"lags": 1}, "lags is 1 and correction is None"),
        ({"lags": 0, "correction": "yue_wang"}, "give at least 1"),
        ({"lags": 2, "correction": "tfpw"}, "with correction='hamed_rao' or 'yue_wang'"),
        ({"alpha": 5}, "alpha is 5: give a level between 0 and 1"),
        ({"confidence": 95}, "confidence is 95: give a share"),
        ({"confidence": 0.9, "correction": "tfpw"}, "leave out one of"),
    ):
        with pytest.raises(ParameterError, match=message):
            mx.trend(raster, **options)
