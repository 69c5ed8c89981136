"""Pettitt's test on rasters."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)


@settings(max_examples=12)
@given(
    values=rasters(times=22, shape=SHAPE),
    permutations=st.sampled_from([None, 200]),
    data=st.data(),
)
def test_any_chunking_gives_the_same_bits(values, permutations, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 22]))}
    assert_chunk_invariant(
        mx.pettitt, with_grid(values), chunks=chunks, min_n=6, permutations=permutations
    )


def test_a_planted_change_is_found_and_says_what_changed():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 4, 5)).astype("float32")
    values[12:, :2] -= 20
    values[12:, 2:] += 20
    raster = with_grid(values, name="npp", units="gC m-2 yr-1")
    for found in (mx.pettitt(raster), raster.transpose("y", "time", "x").mine.pettitt()):
        assert (found["year"] == 2013).all()
        assert (found["last_year"] == 2012).all()
        np.testing.assert_array_equal(found["u"][:2], 12 * 12)
        np.testing.assert_array_equal(found["u"][2:], -12 * 12)
        np.testing.assert_array_equal(found["k"], np.abs(found["u"]))
        np.testing.assert_allclose(found["mean_before"][0], values[:12, 0].mean(0), rtol=1e-6)
        np.testing.assert_allclose(found["mean_after"][3], values[12:, 3].mean(0), rtol=1e-6)
        assert found["p"].max() == pytest.approx(2 * np.exp(-6 * 144**2 / (24**3 + 24**2)))
    assert found["mean_after"].attrs["units"] == "gC m-2 yr-1"
    assert json.loads(found.attrs["mineeco"])["parameters"]["permutations"] is None


def test_gaps_leave_the_change_open():
    values = np.where(np.arange(16) < 7, 1.0, 5.0) + np.arange(16) * 1e-3
    values[[6, 7, 8]] = np.nan
    found = mx.pettitt(with_grid(values[:, None, None]))
    assert (found["last_year"].item(), found["year"].item()) == (2006, 2010)
    assert found["n"].item() == 13
    assert found["mean_before"].item() == pytest.approx(1.0025)


def test_short_series_are_exact_and_long_ones_sampled():
    """All orders of eight values, and random orders of twenty-four that others drew."""
    values = np.random.default_rng(1).normal(size=(8, 1, 30))
    found = mx.pettitt(with_grid(values), min_n=8)
    rng = np.random.default_rng(99)

    def share(n, k, count=20_000):
        rank = rng.random((count, n)).argsort(axis=1) + 1
        largest = np.abs(2 * rank.cumsum(axis=1) - np.arange(1, n + 1) * (n + 1)).max(axis=1)
        return (largest[:, None] >= k).mean(axis=0)

    np.testing.assert_allclose(found["p"][0], share(8, found["k"].values[0]), atol=0.02)
    values = np.random.default_rng(2).normal(size=(24, 1, 30))
    sampled = mx.pettitt(with_grid(values), permutations=20_000)
    k = sampled["k"].values[0]
    np.testing.assert_allclose(sampled["p"][0], share(24, k), atol=0.02)
    approximation = np.minimum(1, 2 * np.exp(-6 * k**2 / (24**3 + 24**2)))
    np.testing.assert_allclose(mx.pettitt(with_grid(values))["p"][0], approximation, rtol=1e-12)
    assert (sampled["p"][0] < approximation).all()
    assert sampled["p"].min() >= 1 / 20_001


def test_exact_p_is_uniform_under_no_change():
    values = np.random.default_rng(3).normal(size=(12, 50, 80))
    p = mx.pettitt(with_grid(values))["p"].values
    for level in (0.01, 0.05, 0.2):
        assert 0.5 * level < (p <= level).mean() < level + 3 * np.sqrt(level / p.size)


@pytest.mark.parametrize(
    ("times", "year", "last"),
    [
        (np.arange(1990, 2014, 2), 2004.0, 2002.0),
        (pd.date_range("2001-06-30", periods=12, freq="YE-JUN"), 2008.0, 2007.0),
        (pd.date_range("2001-01-01", periods=12, freq="MS"), 2001 + 212 / 365, 2001 + 181 / 365),
    ],
)
def test_dates_of_any_kind(times, year, last):
    values = np.where(np.arange(12) < 7, 0.0, 1.0) + np.sin(np.arange(12)) / 9
    found = mx.pettitt(with_grid(values[:, None, None], times=times))
    assert found["year"].item() == pytest.approx(year, abs=1e-9)
    assert found["last_year"].item() == pytest.approx(last, abs=1e-9)


def test_integers_with_fill_and_ties():
    values = np.array([3, 3, 4, 3, -1, 4, 3, 9, 9, 8, 9, 9, 8], dtype="int16")[:, None, None]
    raster = with_grid(values)
    raster.attrs["_FillValue"] = -1
    found = mx.pettitt(raster)
    own = values[values != -1].astype(float)
    u = 2 * rankdata(own).cumsum() - np.arange(1, 13) * 13
    assert found["u"].item() == u[np.abs(u).argmax()]
    assert (found["n"].item(), found["year"].item()) == (12, 2008)


def test_bad_input():
    values = np.zeros((12, 3, 4))
    with pytest.raises(SchemaError, match="5 dates and min_n is 10"):
        mx.pettitt(with_grid(values[:5]))
    with pytest.raises(ParameterError, match="at least 4 dates"):
        mx.pettitt(with_grid(values), min_n=3)
    with pytest.raises(ParameterError, match="permutations is 10: give at least 100"):
        mx.pettitt(with_grid(values), permutations=10)
    with pytest.raises(SchemaError, match="no dim 'time'"):
        mx.pettitt(with_grid(values[0]))
    with pytest.raises(GridMismatch, match="no coordinate reference"):
        mx.pettitt(with_grid(values).drop_vars("spatial_ref"))
