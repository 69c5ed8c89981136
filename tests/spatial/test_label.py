"""Patches across chunks against SciPy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.spatial import seams
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (9, 11)


def by_scipy(values, valid, connectivity):
    """Label class by class, then number the patches by their first cells."""
    structure = ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)
    found, count = np.zeros(values.shape, int), 0
    for value in np.unique(values[valid]):
        own, number = ndimage.label(valid & (values == value), structure)
        found[own > 0] = own[own > 0] + count
        count += number
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    names = np.zeros(first.size, int)
    is_patch = np.unique(found) > 0
    names[np.flatnonzero(is_patch)[np.argsort(first[is_patch])]] = np.arange(1, is_patch.sum() + 1)
    return names[inverse].reshape(values.shape)


def serpentine(shape, step=2):
    """A corridor that winds through the whole raster: one patch, and one of what lies between."""
    values = np.zeros(shape, "uint8")
    values[::step] = 1
    for number, row in enumerate(range(1, shape[0] - 1, step)):
        values[row, -1 if number % 2 == 0 else 0] = 1
    return values


@given(values=rasters(largest=14), connectivity=st.sampled_from([4, 8]), data=st.data())
@settings(max_examples=15)
def test_any_chunking_gives_the_same_bits(values, connectivity, data):
    values = np.floor(values / 25)
    chunks = data.draw(chunkings(values.shape))
    assert_chunk_invariant(mx.label, with_grid(values), chunks=chunks, connectivity=connectivity)
    found = mx.label(with_grid(values), connectivity=connectivity)
    expected = by_scipy(values, np.isfinite(values), connectivity)
    np.testing.assert_array_equal(found, expected)


@given(share=st.floats(0.3, 0.7), seed=st.integers(0, 10_000), data=st.data())
@settings(max_examples=15)
def test_masks_near_percolation(share, seed, data):
    mask = np.random.default_rng(seed).random(SHAPE) < share
    chunks = data.draw(chunkings(SHAPE))
    for connectivity in (4, 8):
        found = mx.label(with_grid(mask).chunk(chunks), connectivity=connectivity)
        np.testing.assert_array_equal(found, by_scipy(mask, mask, connectivity))


@pytest.mark.parametrize("turned", [False, True])
@given(data=st.data())
@settings(max_examples=6)
def test_a_serpentine_is_one_patch(turned, data):
    values = serpentine((11, 13)).T if turned else serpentine((11, 13))
    raster = with_grid(values).chunk(data.draw(chunkings(values.shape, most=7)))
    found = mx.label(raster, connectivity=4, background=0)
    np.testing.assert_array_equal(found, values)


@given(data=st.data())
@settings(max_examples=6)
def test_a_frame_is_found_from_all_sides(data):
    """A ring begins in one block and reaches the others from the left, from above and around."""
    values = np.zeros((9, 9), bool)
    values[1, 1:8] = values[7, 1:8] = values[1:8, 1] = values[1:8, 7] = True
    values[4, 4] = True
    found = mx.label(with_grid(values).chunk(data.draw(chunkings((9, 9), most=6))))
    assert found.values.max() == 2
    assert found.values[4, 4] == 2
    assert (found.values == 1).sum() == values.sum() - 1


@pytest.mark.parametrize("flip", [False, True])
def test_cells_that_touch_where_four_chunks_meet(flip):
    values = np.eye(4, dtype=bool)
    raster = with_grid(values[::-1] if flip else values)
    for chunks in (2, 1):
        assert mx.label(raster.chunk(chunks)).max() == 1
        assert mx.label(raster.chunk(chunks), connectivity=4).max() == 4


def test_u_shapes_get_the_number_of_their_first_cell():
    """What hangs from a later block must not count where it only passes through."""
    values = np.array(
        [
            [0, 0, 0, 0, 0, 1],
            [1, 0, 1, 0, 1, 1],
            [1, 0, 1, 0, 1, 0],
            [1, 1, 1, 1, 1, 0],
        ]
    )
    values = np.vstack([values, np.zeros((1, 6), int), [[1, 0, 1, 0, 1, 0]]])
    expected = by_scipy(values, values > 0, 4)
    assert expected[3, 0] == 1
    assert expected[5].tolist() == [2, 0, 3, 0, 4, 0]
    for chunks in ({"y": 1, "x": 1}, {"y": 2, "x": 2}, {"y": 3, "x": 1}, {"y": 6, "x": 3}):
        raster = with_grid(values.astype("int16")).chunk(chunks)
        found = mx.label(raster, connectivity=4, background=0)
        np.testing.assert_array_equal(found, expected)


def test_what_counts_as_a_patch():
    values = np.array([[0, 1, 1, 255], [0, 2, 2, 255]], "uint8")
    raster = with_grid(values, name="cover")
    assert mx.label(raster).values.tolist() == [[1, 2, 2, 3], [1, 4, 4, 3]]
    raster.attrs["_FillValue"] = np.uint8(255)
    assert mx.label(raster).values.tolist() == [[1, 2, 2, 0], [1, 3, 3, 0]]
    assert mx.label(raster, background=0).values.tolist() == [[0, 1, 1, 0], [0, 2, 2, 0]]
    assert mx.label(raster, classes=[2, 255]).values.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0]]
    floats = raster.astype("float32").where(raster != 255)
    np.testing.assert_array_equal(mx.label(floats), mx.label(raster))


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_rasters_of_nothing_and_of_one_patch(value):
    raster = with_grid(np.full((5, 6), value))
    for chunks in (1, 4):
        assert (mx.label(raster.chunk(chunks)) == (0 if np.isnan(value) else 1)).all()


@given(values=rasters(times=3, shape=(6, 7)), data=st.data())
@settings(max_examples=6)
def test_each_date_is_numbered_by_itself(values, data):
    values = np.floor(values / 40)
    chunks = {**data.draw(chunkings((6, 7))), "time": data.draw(st.sampled_from([1, 2]))}
    series = with_grid(values)
    found = mx.label(series.chunk(chunks))
    assert found.dims == series.dims
    for date in range(3):
        np.testing.assert_array_equal(found[date], mx.label(series[date]))
    turned = mx.label(series.transpose("y", "x", "time"))
    assert turned.dims == ("y", "x", "time")
    np.testing.assert_array_equal(turned.transpose("time", "y", "x"), found)


def test_chunks_along_a_leading_dim_stay():
    series = with_grid(np.ones((6, 8, 8), "u1")).chunk({"time": 3, "y": 4, "x": 8})
    found = assert_lazy(mx.label, series)
    assert found.chunks == series.chunks
    turned = mx.label(series.transpose("y", "time", "x"))
    assert turned.chunks == series.transpose("y", "time", "x").chunks


def test_one_class_or_several():
    raster = with_grid(np.array([[1, 2, 2, 3]], "u1"))
    for one in (2, 2.0, np.uint8(2), np.array(2), xr.DataArray(2), [2], {2}, np.array([2])):
        assert mx.label(raster, classes=one).values.tolist() == [[0, 1, 1, 0]]
        assert mx.label(raster.astype("f4"), classes=one).values.tolist() == [[0, 1, 1, 0]]
    assert mx.label(raster, classes=[2, 3]).values.tolist() == [[0, 1, 1, 2]]
    assert mx.label(raster, classes=[2.5, -1, 1e9, np.inf, np.nan]).max() == 0
    for wrong in ("mine", ["mine"], [None]):
        with pytest.raises(ParameterError, match="give a number or several"):
            mx.label(raster, classes=wrong)


def test_large_integers_are_classes_of_their_own():
    for dtype in ("int64", "uint64"):
        values = np.array([[2**62, 2**62 + 1, 2**62 + 1, 2**63 - 1]], dtype)
        assert mx.label(with_grid(values)).values.tolist() == [[1, 2, 2, 3]]
        assert mx.label(with_grid(values), classes=2**62 + 1).values.tolist() == [[0, 1, 1, 0]]
        found = mx.label(with_grid(values), background=2**62)
        assert found.values.tolist() == [[0, 1, 1, 2]]
    high = with_grid(np.array([[2**64 - 1, 2**64 - 1, 0, 2**63 + 1]], "uint64"))
    assert mx.label(high).values.tolist() == [[1, 1, 2, 3]]
    assert mx.label(high, classes=[2**64 - 1]).values.tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize(("dtype", "value"), [("int64", -(2**63)), ("uint64", 2**63)])
def test_the_class_that_stands_for_no_patch_inside(dtype, value):
    raster = with_grid(np.array([[5, value, 5]], dtype))
    with pytest.raises(ParameterError, match=f"the class {value}, which stands for no"):
        mx.label(raster)
    with pytest.raises(ParameterError, match="stands for no"):
        mx.label(raster.chunk(1)).compute()
    expected = [[1, 0, 2]]
    assert mx.label(raster, background=value).values.tolist() == expected
    assert mx.label(raster, classes=5).values.tolist() == expected
    assert mx.label(raster.assign_attrs(_FillValue=value)).values.tolist() == expected


def test_attributes_and_method():
    raster = with_grid(np.eye(3, dtype=bool), name="mined")
    found = raster.mine.label(connectivity=4)
    assert found.name == "mined_patch"
    assert found.dtype == found.attrs["_FillValue"].dtype == np.int32
    assert found.attrs["units"] == "1"
    assert "label(mined, connectivity=4" in found.attrs["history"]
    assert mx.cube.geobox_of(found) == mx.cube.geobox_of(raster)


def test_records_do_not_grow_with_the_area():
    import pickle

    from mineeco_xr.chunks import Place
    from mineeco_xr.spatial.label import _local

    sizes = []
    for side in (64, 256):
        block = np.indices((side, side)).sum(axis=0) % 2 == 0
        place = Place((1, 1), slice(side, 2 * side), slice(side, 2 * side), (3 * side, 3 * side))
        record = _local(block, place=place, connectivity=4)
        sizes.append(len(pickle.dumps(record)))
        assert record.closed.sum() > side * side * 0.4
    assert sizes[1] < 4.5 * sizes[0]


def test_more_patches_than_int32_numbers_is_an_error():
    nothing = np.zeros(0, dtype="int32")
    record = seams.BlockPatches(
        np.array([2**30, 2**30 - 1]), *(nothing,) * 4, edges={}, all_rows=nothing, reached=nothing
    )
    chunks = ((2,), (1,))
    assert seams.number_patches({(0, 0): record}, chunks, diagonal=True)[0, 0].base[1] == 2**30 + 1
    many = seams.BlockPatches(
        np.array([2**30, 2**30]), *(nothing,) * 4, edges={}, all_rows=nothing, reached=nothing
    )
    with pytest.raises(ParameterError, match="2147483648 patches and int32"):
        seams.number_patches({(0, 0): many}, chunks, diagonal=True)


def test_bad_input():
    raster = with_grid(np.eye(3, dtype=bool))
    with pytest.raises(ParameterError, match="connectivity is 6"):
        mx.label(raster, connectivity=6)
    with pytest.raises(ParameterError, match="classes are empty"):
        mx.label(raster, classes=[])
    with pytest.raises(GridMismatch, match="no coordinate reference"):
        mx.label(raster.drop_vars("spatial_ref"))
