"""The Hurst exponent on rasters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (5, 6)
LONG = np.arange(400.0)


def fractional_noise(hurst, length, count, seed):
    """Return fractional Gaussian noise from the root of its covariance."""
    lag = np.arange(length)
    twice = 2 * hurst
    own = (np.abs(lag - 1.0) ** twice - 2 * lag**twice + (lag + 1.0) ** twice) / 2
    root = np.linalg.cholesky(own[np.abs(np.subtract.outer(lag, lag))])
    return root @ np.random.default_rng(seed).normal(size=(length, count))


@settings(max_examples=8)
@given(values=rasters(times=100, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([7, 100]))}
    assert_chunk_invariant(mx.hurst, with_grid(values, times=LONG[:100]), chunks=chunks)


def test_tells_turning_back_from_persisting_and_leans_to_a_half():
    """The bias of short windows is known: it draws every estimate towards independence."""
    means = {}
    for planted in (0.2, 0.5, 0.8):
        values = fractional_noise(planted, 400, 60, 1).reshape(400, 6, 10)
        found = mx.hurst(with_grid(values, times=LONG))
        assert (found["n"] == 400).all()
        means[planted] = float(found["hurst"].mean())
    assert 0.2 < means[0.2] < 0.35
    assert means[0.5] == pytest.approx(0.5, abs=0.02)
    assert 0.65 < means[0.8] < 0.8


def test_few_dates_are_said_to_say_little():
    raster = with_grid(np.random.default_rng(0).normal(size=(24, 2, 3)), name="npp")
    with pytest.warns(MineecoWarning, match="'npp' has 24 dates: below 100.*Bring a denser"):
        found = raster.mine.hurst()
    assert np.isfinite(found["hurst"]).all()


def test_bad_input():
    values = np.zeros((120, 3, 4))
    with pytest.raises(SchemaError, match="15 dates and min_n is 20"):
        mx.hurst(with_grid(values[:15]))
    with pytest.raises(ParameterError, match="at least 12 dates"):
        mx.hurst(with_grid(values, times=LONG[:120]), min_n=5)
    with pytest.raises(GridMismatch, match="no coordinate reference"):
        mx.hurst(with_grid(values, times=LONG[:120]).drop_vars("spatial_ref"))
    assert np.isnan(mx.hurst(with_grid(values, times=LONG[:120]))["hurst"]).all()
