"""Range normalisation and the moments of scenes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.stats.scene import location_and_spread, moments_of
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)


@settings(max_examples=15)
@given(
    values=rasters(times=2, shape=SHAPE),
    data=st.data(),
    direction=st.sampled_from(["positive", "negative"]),
    by=st.sampled_from([None, "time"]),
)
def test_any_chunking_gives_the_same_bits_and_numpys_numbers(values, data, direction, by):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 2]))}
    raster = with_grid(values)
    assert_chunk_invariant(mx.normalise, raster, chunks=chunks, direction=direction, by=by)
    found = mx.normalise(raster, direction=direction, by=by).values
    for part, own in [(values, found)] if by is None else zip(values, found, strict=True):
        valid = np.isfinite(part)
        np.testing.assert_array_equal(np.isfinite(own), valid)
        if not valid.any():
            continue
        low, high = np.float64(part[valid].min()), np.float64(part[valid].max())
        share = (part[valid] - low) / (high - low) if high > low else np.zeros(valid.sum())
        if direction == "negative" and high > low:
            share = 1 - share
        np.testing.assert_allclose(own[valid], share, atol=1e-6)


def test_constant_empty_and_integer_rasters():
    assert (mx.normalise(with_grid(np.full((2, 2), 7.0))) == 0).all()
    assert (mx.normalise(with_grid(np.full((2, 2), 7.0)), direction="negative") == 0).all()
    assert mx.normalise(with_grid(np.full((2, 2), np.nan))).isnull().all()
    codes = with_grid(np.array([[1, 3, 5, 255]], "uint8")).assign_attrs(_FillValue=255)
    found = mx.normalise(codes)
    np.testing.assert_array_equal(found, np.array([[0, 0.5, 1, np.nan]], "float32"))
    assert found.attrs["units"] == "1"
    assert found.dtype == "float32"


def test_given_limits_cut_off_what_lies_beyond():
    raster = with_grid(np.array([[-5.0, 0.0, 5.0, 10.0, 15.0, np.inf]]))
    found = mx.normalise(raster, limits=(0, 10))
    np.testing.assert_array_equal(found, [[0, 0, 0.5, 1, 1, np.nan]])
    np.testing.assert_array_equal(
        mx.normalise(raster, limits=(0, 10), direction="negative"), [[1, 1, 0.5, 0, 0, np.nan]]
    )


@given(values=rasters(shape=SHAPE, dtype="float64"), data=st.data())
def test_mean_and_spread_of_a_scene_are_the_same_bits_in_any_chunking(values, data):
    raster = with_grid(values + 1e7)
    whole = location_and_spread(moments_of(raster, None).compute())[0]
    parts = moments_of(raster.chunk(data.draw(chunkings(SHAPE))), None).compute()
    np.testing.assert_array_equal(location_and_spread(parts)[0], whole)
    valid = raster.values[np.isfinite(raster.values)]
    assert whole[0] == valid.size
    if valid.size:
        assert whole[1] == pytest.approx(valid.mean(), rel=1e-14)
        assert whole[2] == pytest.approx((valid - valid[0]).std(), rel=1e-9)


def test_bad_input():
    raster = with_grid(np.zeros((2, 3, 4)))
    with pytest.raises(ParameterError, match="'up' is unknown"):
        mx.normalise(raster, direction="up")
    for limits in [(1, 1), (2, 1), (0, np.inf), (np.nan, 1), 5, (1, 2, 3), "12", (None, 1)]:
        with pytest.raises(ParameterError, match="that ascend"):
            mx.normalise(raster, limits=limits)
    for by in ("band", "x"):
        with pytest.raises(SchemaError, match="must name one of them"):
            mx.normalise(raster, by=by)
    with pytest.raises(GridMismatch):
        mx.normalise(xr.DataArray(np.zeros((2, 2)), dims=("y", "x")))
