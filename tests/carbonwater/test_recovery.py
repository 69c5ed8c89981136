"""Recovery of rasters."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.kernels.recovery import FIELDS, recovery_measures
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)
NDVI = np.r_[0.8, 0.8, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7]


@settings(max_examples=8)
@given(values=rasters(times=12, shape=SHAPE), seed=st.integers(0, 1000), data=st.data())
def test_any_chunking_gives_the_same_bits(values, seed, data):
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.sampled_from([1, 5, 12]))}
    years = np.random.default_rng(seed).integers(2000, 2011, SHAPE).astype("uint16")
    years[::3] = 0
    raster, year = with_grid(values), with_grid(years, name="year").assign_attrs(_FillValue=0)
    assert_chunk_invariant(mx.recovery, raster, year, chunks=chunks)

    def towards(stack, when, goal):
        return mx.recovery(stack, when, start=2004, target=goal)

    goal = with_grid(values[0] + 20, name="goal")
    assert_chunk_invariant(towards, raster, year, goal, chunks=chunks)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_rasters_reach_the_kernel_in_their_order(seed):
    rng = np.random.default_rng(seed)
    values, years = rng.normal(0.5, 0.2, (12, 4, 5)), rng.integers(2002, 2008, (4, 5))
    start, goal = years + 1, rng.uniform(0.3, 0.9, (4, 5))
    raster = with_grid(values, name="ndvi")
    layers = [with_grid(layer) for layer in (years, start, goal)]
    found = mx.recovery(raster.transpose("x", "time", "y"), layers[0], start=layers[1].T,
                        target=layers[2])  # fmt: skip
    expected = recovery_measures(
        values.reshape(12, -1), np.arange(2001, 2013), years.ravel(), start.ravel(),
        goal.reshape(1, -1), share=0.8, window=5, pre_years=2, trend_years=10,
    )  # fmt: skip
    for name, row in zip(FIELDS, expected, strict=True):
        layer = found[name].transpose("y", "x")
        right = np.nan_to_num(row) if name.endswith("_year") else row
        np.testing.assert_array_equal(layer.values.ravel(), right, err_msg=name)


def test_from_detected_years():
    values = np.r_[np.full(5, 0.8), NDVI[2:], np.full(5, 0.75)][:, None, None].repeat(3, 2)
    values[:, 0, 1] = 0.6
    values[:, 0, 2] = np.nan
    ndvi = with_grid(values.astype("float32"), name="ndvi", units="1")
    lost = ndvi.mine.disturbance()
    assert lost["year"].values.tolist() == [[2006, 0, 0]]
    found = ndvi.mine.recovery(lost)
    one = found.isel(y=0, x=0)
    assert one["start_year"].item() == 2006
    assert one["recovered_year"].item() == 2011
    assert one["y2r"].item() == 5
    assert one["pre_value"].item() == pytest.approx(0.8)
    assert one["rri"].item() == pytest.approx(0.5 / 0.6, rel=1e-5)
    assert one["recovered"].item() == pytest.approx(0.55 / 0.6, rel=1e-5)
    assert one["years_left"].item() == 0
    for name in found:
        rest = found[name].values[0, 1:]
        assert (rest == 0).all() if name.endswith("_year") else np.isnan(rest).all(), name
    assert found["yryr"].attrs["units"] == "yr-1"
    assert found["y2r"].dtype == "float32"


def test_what_is_not_reached_is_nodata_and_still_needed():
    slow = np.r_[0.8, 0.8, 0.2 + 0.02 * np.arange(10)]
    found = mx.recovery(with_grid(slow[:, None, None], name="ndvi"), 2003)
    assert np.isnan(found["y2r"].item())
    assert found["recovered_year"].item() == 0
    assert found["years_left"].item() == pytest.approx((0.64 - 0.38) / 0.02)
    falling = np.r_[0.8, 0.8, 0.4 - 0.02 * np.arange(10)]
    found = mx.recovery(with_grid(falling[:, None, None], name="ndvi"), 2003)
    assert np.isnan(found["years_left"].item())


def test_targets():
    ndvi = with_grid(NDVI[:, None, None], name="ndvi")
    assert mx.recovery(ndvi, 2003, target=0.5)["y2r"].item() == 2
    series = xr.DataArray(np.r_[np.full(6, 0.8), np.full(3, 0.6)], dims="time",
                          coords={"time": ndvi["time"]}, name="ring")  # fmt: skip
    found = mx.recovery(ndvi, 2003, target=series)
    assert found["y2r"].item() == 4
    assert found["target"].item() == 0.6
    assert found["recovered"].item() == pytest.approx(0.5 / 0.4)
    lazy = mx.recovery(ndvi.chunk(time=2), 2003, target=series)
    xr.testing.assert_equal(lazy.compute(), found)
    assert np.isnan(mx.recovery(ndvi, 2003, target=-0.5)["r80p"].item())
    later = mx.recovery(ndvi, 2003, start=2005)
    assert later["delta_ir"].isnull().all()
    assert later["start_value"].item() == 0.4


def test_bad_input():
    ndvi = with_grid(np.ones((9, 3, 4)), name="ndvi")
    year = with_grid(np.full((3, 4), 2003, "uint16"), name="year")
    with pytest.raises(ParameterError, match="share is 0"):
        mx.recovery(ndvi, 2003, share=0)
    with pytest.raises(ParameterError, match="window is 0"):
        mx.recovery(ndvi, 2003, window=0)
    with pytest.raises(ParameterError, match="trend_years is 2"):
        mx.recovery(ndvi, 2003, trend_years=2)
    with pytest.raises(ParameterError, match="target is 'ring'"):
        mx.recovery(ndvi, 2003, target="ring")
    with pytest.raises(SchemaError, match="lacks \\['year', 'end_year'\\]"):
        mx.recovery(ndvi, ndvi.to_dataset())
    with pytest.raises(SchemaError, match="expected one year a cell"):
        mx.recovery(ndvi, year.expand_dims(event=2))
    with pytest.raises(SchemaError, match="target has dims"):
        mx.recovery(ndvi, 2003, target=year.expand_dims(band=2))
    with pytest.raises(GridMismatch, match="'disturbed' is shifted"):
        mx.recovery(ndvi, year.assign_coords(x=year["x"] + 15))
    twice = ndvi.assign_coords(time=np.r_[np.arange(2001.0, 2009.0), 2008.5])
    with pytest.raises(SchemaError, match="two dates in 2008"):
        mx.recovery(twice, 2003)
