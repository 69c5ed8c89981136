"""The strongest of the decayed threats: against all pairs, SciPy, closed forms, `nearest`, itself.

Cells of 317 x 293 in tenths compare with rounding, so that they cross chunks by stitching whatever
the reach; the others do so beyond 512 cells, and by a halo below.
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

import mineeco_xr as mx
from mineeco_xr.cube import grid_coords, make_grid
from mineeco_xr.errors import ParameterError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

KINDS = st.sampled_from(["linear", "exponential", "legacy_exponential"])
STEPS = st.sampled_from([(30.0, 30.0), (20.0, 30.0), (45.0, 10.0), (31.7, 29.3)])
REACHES = st.sampled_from([7.0, 30.0, 95.0, 200.0, 2000.0, 1e6])
SHAPE = (23, 29)


def on_cells(values, step, name="mines"):
    rows, columns = values.shape[-2:]
    grid = make_grid((0, 0, columns * step[1], rows * step[0]), crs="EPSG:32650",
                     resolution=(step[1], step[0]))  # fmt: skip
    dims = ("time", "y", "x")[-values.ndim :]
    return xr.DataArray(values, dims=dims, coords=grid_coords(grid), name=name)


def left(kind, share):
    if kind == "linear":
        return np.where(share <= 1, 1 - share, 0)
    if kind == "exponential":
        return np.where(share <= 1, np.exp(-2.99 * share), 0)
    return np.where(share <= 5, np.exp(-share), 0)


def all_pairs(values, step, m, kind):
    rows, columns = np.indices(values.shape)
    out = np.zeros(values.shape)
    for i, j in np.ndindex(*values.shape):
        d = np.hypot((rows - i) * step[0], (columns - j) * step[1])
        out[i, j] = np.max(np.nan_to_num(values.astype("f8")) * left(kind, d / m))
    return np.where(np.isnan(values), np.nan, out)


def intensities(values):
    """Turn a drawn raster into few levels, 0 among them; nodata is kept."""
    return np.where(np.isnan(values), np.nan, np.clip(np.round(values / 20), 0, 5) / 5).astype("f4")


def sparse(values, share, seed):
    """Remove most threats, so that reaches end within the raster."""
    keep = np.random.default_rng(seed).random(values.shape) < share
    return np.where(keep | np.isnan(values), values, 0).astype("f4")


@st.composite
def levels(draw, **parameters):
    values = intensities(draw(rasters(**parameters)))
    return sparse(values, draw(st.sampled_from([0.02, 0.2, 1.0])), draw(st.integers(0, 99)))


@given(values=levels(largest=13), m=REACHES, kind=KINDS, step=STEPS)
def test_as_written_out(values, m, kind, step):
    found = mx.decay(on_cells(values, step), m, kind, "strongest")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, all_pairs(values, step, m, kind), rtol=2e-7, atol=1e-9)


@given(values=levels(shape=SHAPE), m=REACHES, kind=KINDS, step=STEPS, chunks=chunkings(SHAPE))
def test_any_chunking_gives_the_same_bits(values, m, kind, step, chunks):
    raster = on_cells(values, step)
    assert_chunk_invariant(
        mx.decay, raster, chunks=chunks, max_distance=m, kind=kind, rule="strongest"
    )


@pytest.mark.parametrize("m", [30.0, 60.0, 90.0, 120.0])
@pytest.mark.parametrize("share", [0.03, 0.5])
def test_threats_at_the_very_end_of_the_reach_cross_chunks(m, share):
    """An exponential threat ends with 0.05 at the reach, here a whole number of cells."""
    rng = np.random.default_rng(5)
    values = np.where(rng.random((66, 70)) < share, rng.integers(1, 9, (66, 70)) / 8, 0)
    values = np.where(rng.random((66, 70)) < 0.1, np.nan, values).astype("f4")
    raster = with_grid(values)
    expected = all_pairs(values, (30.0, 30.0), m, "exponential")
    for chunks in ({"y": 16, "x": 17}, {"y": (33, 33), "x": -1}, {"y": -1, "x": 22}):
        found = mx.decay(raster.chunk(chunks), m, rule="strongest")
        np.testing.assert_allclose(found, expected, rtol=2e-7)
        assert_chunk_invariant(mx.decay, raster, chunks=chunks, max_distance=m, rule="strongest")


@settings(max_examples=15)
@given(values=levels(times=3, shape=(9, 12)), step=STEPS, chunks=chunkings((9, 12)))
def test_each_date_by_itself(values, step, chunks):
    raster = on_cells(values, step)
    whole = mx.decay(raster, 100.0, rule="strongest")
    for size in (1, 2, 3):
        assert_chunk_invariant(
            mx.decay, raster, chunks={**chunks, "time": size}, max_distance=100.0, rule="strongest"
        )
    each = [mx.decay(raster.isel(time=i), 100.0, rule="strongest") for i in range(3)]
    np.testing.assert_array_equal(whole, np.stack(each))


@given(
    values=levels(shape=SHAPE), m=REACHES, kind=KINDS, step=STEPS,
    dtype=st.sampled_from(["bool", "u1", "i4", "f4", "f8"]), chunks=chunkings(SHAPE),
)  # fmt: skip
def test_of_zeros_and_ones_it_is_the_nearest_bit_by_bit(values, m, kind, step, dtype, chunks):
    ones = np.where(np.isnan(values), 255, values > 0)
    raster = on_cells((ones == 1) if dtype == "bool" else ones.astype(dtype), step)
    if dtype != "bool":
        raster = raster.assign_attrs(_FillValue=255)
    nearest = mx.decay(raster, m, kind, "nearest")
    found = mx.decay(raster.chunk(chunks), m, kind, "strongest")
    np.testing.assert_array_equal(found, nearest)
    assert np.isnan(nearest).any() == (dtype != "bool" and np.isnan(values).any())


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8"])
def test_integers_of_any_value(dtype):
    values = np.zeros((14, 17), dtype)
    values[3, 4], values[3, 6], values[12, 15], values[0, 0] = 3, 1, 100, 200 % np.iinfo(dtype).max
    for m in (70.0, 1e6):
        found = mx.decay(with_grid(values), m, "linear", "strongest")
        np.testing.assert_allclose(
            found, all_pairs(values.astype("f4"), (30.0, 30.0), m, "linear"), rtol=2e-7, atol=1e-6
        )


@pytest.mark.parametrize("m", [600.0, 20_000.0])
def test_equals_scipy_level_by_level(m):
    rng = np.random.default_rng(3)
    values = np.where(rng.random((150, 210)) < 0.002, rng.integers(1, 8, (150, 210)) / 8, 0)
    expected = np.zeros(values.shape)
    for level in np.unique(values[values > 0]):
        away = distance_transform_edt(values != level, sampling=(20, 30))
        expected = np.maximum(expected, level * left("exponential", away / m))
    found = mx.decay(on_cells(values.astype("f4"), (20.0, 30.0)).chunk(64), m, rule="strongest")
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-9)


def test_a_track_does_not_hide_the_mine_behind_it():
    """On a line the two cones 1 - d/m and (1 - d/m)/4 cross where both are alike."""
    values = np.zeros((1, 41), "f4")
    values[0, 0], values[0, 20] = 1, 0.25
    x = np.arange(41) * 30.0
    mine, track = np.maximum(1 - x / 1000, 0), 0.25 * np.maximum(1 - np.abs(x - 600) / 1000, 0)
    found = mx.decay(with_grid(values), 1000.0, "linear", "strongest").values[0]
    np.testing.assert_allclose(found, np.maximum(mine, track), atol=1e-7)
    # (1000 - x) / 1000 falls to (1600 - x) / 4000 at 800 m.
    assert found[25] > track[25]
    assert found[28] == np.float32(track[28]) > mine[28]
    nearest = mx.decay(with_grid(values), 1000.0, "linear", "nearest").values[0]
    assert nearest[20] == 1 > found[20] == np.float32(0.4)


@given(values=levels(shape=SHAPE), kind=KINDS, step=STEPS, seed=st.integers(0, 99), data=st.data())
def test_more_threat_is_never_less(values, kind, step, seed, data):
    m = data.draw(REACHES)
    rng = np.random.default_rng(seed)
    raised = np.where(rng.random(SHAPE) < 0.1, values + rng.choice([0.1, 0.2, 1], SHAPE), values)
    before = mx.decay(on_cells(values, step), m, kind, "strongest").values
    after = mx.decay(on_cells(raised.astype("f4"), step), m, kind, "strongest").values
    valid = ~np.isnan(values)
    assert (after[valid] >= before[valid]).all()
    assert (before[valid] >= values[valid]).all()
    both = xr.concat([on_cells(values, step), on_cells(raised.astype("f4"), step)], "time")
    alone = mx.decay(both.max("time"), m, kind, "strongest").values
    np.testing.assert_array_equal(alone, np.maximum(before, after))


@pytest.mark.parametrize("step", [(30.0, 30.0), (31.7, 29.3)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (6, 7)])
def test_nothing_and_nodata_only(shape, step):
    for chunks in (None, 1, {"y": -1, "x": 2}):
        for value in (0.0, np.nan):
            data = on_cells(np.full(shape, value, "f4"), step)
            found = mx.decay(data if chunks is None else data.chunk(chunks), 90.0, rule="strongest")
            np.testing.assert_array_equal(found, np.full(shape, value))


def test_nodata_threatens_nothing():
    values = np.zeros((5, 8), "f4")
    values[2, 3] = np.nan
    values[2, 6] = 0.5
    coded = np.nan_to_num(values, nan=-9999).astype("f4")
    expected = all_pairs(values, (30.0, 30.0), 100.0, "exponential")
    for raster in (with_grid(values), with_grid(coded).assign_attrs(_FillValue=-9999)):
        found = mx.decay(raster.chunk(3), 100.0, rule="strongest")
        np.testing.assert_allclose(found, expected, rtol=2e-7)
        assert "_FillValue" not in found.attrs


@pytest.mark.parametrize("step", [(30.0, 30.0), (31.7, 29.3)])
def test_levels_are_limited(step):
    values = (np.arange(20.0 * 20) % 257).reshape(20, 20).astype("f4")
    for chunks in (20, 7):
        raster = on_cells(values, step)
        assert mx.decay(raster.chunk(chunks), 3000.0, rule="strongest").max() == 256
        more = on_cells(values + 0.5, step).chunk(chunks)
        lazy = assert_lazy(mx.decay, more, 3000.0, rule="strongest")
        with pytest.raises(ParameterError, match=r"mines holds more than 256.*round\(2\)"):
            lazy.compute()


def test_lazy_with_the_chunks_of_the_data_and_named():
    raster = with_grid(np.eye(60, dtype="f4"), name="mines").chunk({"y": 25, "x": 13})
    for m in (100.0, 1e6):
        found = assert_lazy(mx.decay, raster, m, rule="strongest")
        assert found.chunks == raster.chunks
        assert found.dims == raster.dims
    assert found.attrs["long_name"] == "mines, strongest decayed by distance"
    assert found.attrs["units"] == "1"
    turned = mx.decay(raster.transpose("x", "y"), 100.0, rule="strongest")
    assert turned.dims == ("x", "y")
    memory = mx.decay(raster.compute(), 100.0, rule="strongest")
    assert memory.chunks is None
    np.testing.assert_array_equal(turned.transpose("y", "x"), memory)
