"""Distance and allocation against SciPy and brute force."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import rioxarray  # noqa: F401  registers .rio
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, with_grid

CELLS = st.sampled_from([(30.0, 30.0), (30.0, 20.0), (0.3, 0.3), (1.0, np.pi)])


@st.composite
def features(draw, largest=20):
    shape = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(1, 9, shape) * (rng.random(shape) < draw(st.sampled_from([0, 0.02, 0.3])))
    values = values.astype("float32")
    values[rng.random(shape) < draw(st.sampled_from([0, 0.2]))] = np.nan
    if draw(st.booleans()):
        values[0] = np.nan
    return values


def brute_force(values, cell):
    """Distance and value of the nearest feature; leftmost, then upper, of equally near ones."""
    wide, tall = cell
    distance = np.full(values.shape, np.inf)
    nearest = np.full(values.shape, np.nan)
    rows, columns = np.nonzero(np.nan_to_num(values))
    order = np.lexsort((rows, columns))
    for i, j in np.ndindex(values.shape):
        for r, c in zip(rows[order], columns[order], strict=True):
            length = np.sqrt((tall * (i - r)) ** 2 + (wide * (j - c)) ** 2)
            if length < distance[i, j] * (1 - 1e-12):
                distance[i, j], nearest[i, j] = length, values[r, c]
    blank = np.isnan(values)
    return np.where(blank, np.nan, distance), np.where(blank, np.nan, nearest)


@given(values=features(8), cell=CELLS)
def test_equals_brute_force(values, cell):
    distance, nearest = brute_force(values, cell)
    raster = with_grid(values, resolution=cell)
    np.testing.assert_allclose(mx.distance(raster), distance, rtol=1e-14)
    np.testing.assert_array_equal(mx.allocation(raster), nearest)


@given(values=features(), cell=CELLS)
def test_equals_scipy(values, cell):
    values = np.nan_to_num(values)
    found = mx.distance(with_grid(values, resolution=cell))
    if not values.any():
        assert np.isinf(found).all()
        return
    expected = distance_transform_edt(values == 0, sampling=cell[::-1])
    np.testing.assert_allclose(found, expected, rtol=1e-15 * 4)
    in_single = mx.distance(with_grid(values, resolution=cell), dtype="float32")
    np.testing.assert_array_equal(in_single, expected.astype("float32"))


@given(values=features(), cell=CELLS, data=st.data())
def test_any_chunking_gives_the_same_bits(values, cell, data):
    raster = with_grid(values, resolution=cell)
    chunks = data.draw(chunkings(values.shape))
    limit = data.draw(st.sampled_from([None, 3 * cell[0], 40 * cell[0]]))
    assert_chunk_invariant(mx.distance, raster, chunks=chunks, max_distance=limit)
    assert_chunk_invariant(mx.allocation, raster, chunks=chunks, max_distance=limit)


@given(values=features())
def test_a_limit_only_takes_away_what_is_farther(values):
    raster = with_grid(values)
    whole = mx.distance(raster)
    for limit in (30.0, 95.0, 30 * 1000.0):
        expected = whole.where((whole <= limit) | whole.isnull(), np.inf)
        np.testing.assert_array_equal(mx.distance(raster, max_distance=limit), expected)
        kept = mx.allocation(raster).where(expected < np.inf)
        np.testing.assert_array_equal(mx.allocation(raster, max_distance=limit), kept)


def test_long_series_of_strips_are_cut_as_memory_demands(monkeypatch):
    monkeypatch.setattr(
        importlib.import_module("mineeco_xr.spatial.distance"), "STRIP_BYTES", 8 * 40 * 3
    )
    values = np.zeros((50, 40))
    values[[3, 44], [30, 7]] = 1
    raster = with_grid(values)
    found = mx.distance(raster.chunk({"y": 20, "x": 17}))
    assert found.chunks == ((20, 20, 10), (17, 17, 6))
    np.testing.assert_array_equal(found.compute(), mx.distance(raster))


def test_types_and_nodata_codes():
    codes = np.array([[255, 0, 0, 3, 0, 0]], dtype="uint8")
    raster = with_grid(codes).assign_attrs(_FillValue=255)
    assert np.isnan(mx.distance(raster)[0, 0])
    np.testing.assert_array_equal(mx.distance(raster)[0, 1:], [60, 30, 0, 30, 60])
    found = mx.allocation(raster, max_distance=30)
    assert found.values.tolist() == [[255, 255, 3, 3, 3, 255]]
    assert found.dtype == np.uint8
    assert found.attrs["_FillValue"] == 255
    mask = with_grid(codes == 3)
    assert mx.allocation(mask).dtype == bool
    np.testing.assert_array_equal(mx.distance(mask)[0, :3], [90, 60, 30])


def test_no_feature_is_infinitely_far_and_all_nodata_is_nodata():
    empty = with_grid(np.zeros((5, 6)))
    assert np.isinf(mx.distance(empty)).all()
    assert np.isnan(mx.allocation(empty)).all()
    assert (mx.allocation(empty.astype("int32")) == 0).all()
    blank = with_grid(np.full((5, 6), np.nan)).chunk({"y": 2})
    assert np.isnan(mx.distance(blank)).all()


def test_dates_are_taken_one_by_one():
    values = np.zeros((2, 4, 5))
    values[0, 0, 0], values[1, 3, 4] = 1, 2
    found = with_grid(values).chunk({"time": 1, "y": 3}).mine.distance().compute()
    assert found.dims == ("time", "y", "x")
    np.testing.assert_array_equal(found[0], found[1][::-1, ::-1])


@pytest.mark.parametrize("limit", [None, 100.0])
@pytest.mark.parametrize("chunks", [None, 3])
def test_dims_may_stand_in_any_order(limit, chunks):
    values = np.zeros((2, 7, 5), "uint8")
    values[0, [3, 0], [2, 0]], values[1, 6, 1] = (4, 9), 7
    raster = with_grid(values, resolution=(30.0, 20.0))
    lazy = raster if chunks is None else raster.chunk(chunks)
    for function in (mx.distance, mx.allocation):
        expected = function(raster, max_distance=limit)
        for dims in (("x", "time", "y"), ("y", "x", "time")):
            found = function(lazy.transpose(*dims), max_distance=limit)
            assert found.dims == dims
            np.testing.assert_array_equal(found.transpose("time", "y", "x"), expected)


@pytest.mark.parametrize("cell", [463.312716528, 0.1, 10 / 3])
def test_a_limit_of_whole_cells_reaches_them_however_coordinates_are_rounded(cell):
    values = np.zeros((2, 12))
    values[:, 0] = 1
    raster = with_grid(values, resolution=cell).drop_vars("spatial_ref")
    raster = raster.assign_coords(
        x=500_000 + cell * (np.arange(12) + 0.5), y=4_800_000 - cell * (np.arange(2) + 0.5)
    ).rio.write_crs(32650)
    for reach in range(1, 10):
        found = mx.distance(raster, max_distance=reach * cell)
        assert np.isfinite(found).sum() == 2 * (reach + 1)
        assert (mx.allocation(raster, max_distance=reach * cell) == 1).sum() == 2 * (reach + 1)
        single = mx.distance(raster, max_distance=reach * cell, dtype="float32")
        np.testing.assert_array_equal(np.isfinite(single), np.isfinite(found))


def test_of_mirrored_features_the_left_one_wins_in_cells_of_any_shape():
    rng = np.random.default_rng(0)
    for _ in range(60):
        values = np.zeros((5, 401), "int32")
        half, row = rng.integers(1, 200), rng.integers(0, 5)
        values[row, 200 - half], values[row, 200 + half] = 1, 2
        found = mx.allocation(with_grid(values, resolution=(np.pi, 1.0)))
        assert (found[:, :201] == 1).all()
        assert (found[:, 201:] == 2).all()


def test_what_it_refuses():
    raster = with_grid(np.zeros((3, 4)))
    with pytest.raises(GridMismatch, match="projected grid in metres"):
        mx.distance(with_grid(np.zeros((3, 4)), crs="EPSG:4326", resolution=0.1, origin=(9, 9)))
    with pytest.raises(ParameterError, match="max_distance is -3"):
        mx.distance(raster, max_distance=-3)
    with pytest.raises(ParameterError, match="dtype is int16"):
        mx.distance(raster, dtype="int16")


def test_a_fill_value_of_zero_means_no_feature():
    classes = with_grid(np.array([[1, 0, 7, 7, 0, 1]], "uint8")).assign_attrs(_FillValue=0)
    mined = classes == 7
    assert mined.attrs["_FillValue"] == 0, "xarray keeps attributes through comparisons"
    expected = [[60, 30, 0, 0, 30, 60]]
    np.testing.assert_array_equal(mx.distance(mined), expected)
    np.testing.assert_array_equal(mx.distance(mined.astype("uint8")), expected)
    numbers = mx.label(mined)
    np.testing.assert_array_equal(mx.distance(numbers), expected)
    assert (mx.allocation(numbers) == 1).all()
    np.testing.assert_array_equal(
        mx.decay(mined, 50.0, "linear", "nearest") > 0, [[0, 1, 1, 1, 1, 0]]
    )
