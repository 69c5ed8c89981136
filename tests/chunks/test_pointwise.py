"""The pointwise door and the generator."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from dask.base import tokenize
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.chunks import generate, pointwise, reduce_blocks, whole_along
from mineeco_xr.chunks.reduced import constant
from mineeco_xr.cube import grid_coords, make_grid
from mineeco_xr.errors import ParameterError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid


def total(block):
    return np.nansum(block, axis=0)


def summed(data):
    return pointwise(total, data, dtype="float64", core_dim="time")


def positions(rows, columns, *, step=1):
    return np.add.outer(np.r_[rows] * 1000.0, np.r_[columns]) * step


@given(values=rasters(times=5, shape=(11, 13)), data=st.data())
def test_any_chunking_gives_the_same_bits(values, data):
    chunks = {**data.draw(chunkings((11, 13))), "time": data.draw(st.integers(1, 5))}
    assert_chunk_invariant(summed, with_grid(values), chunks=chunks)


def test_a_dim_made_whole_keeps_blocks_small():
    import dask.array as da

    lazy = xr.DataArray(
        da.zeros((24, 10_000, 10_000), chunks=(1, 5000, 5000), dtype="float32"),
        dims=("time", "y", "x"),
    )
    whole = whole_along(lazy, "time")
    assert whole.chunksizes["time"] == (24,)
    largest = 24 * 4 * max(whole.chunksizes["y"]) * max(whole.chunksizes["x"])
    assert largest <= 70 * 2**20


def test_coordinates_keep_their_attributes():
    data = with_grid(np.ones((3, 4, 5), "float32"))
    result = summed(data)
    assert result["spatial_ref"].attrs["crs_wkt"] == data["spatial_ref"].attrs["crs_wkt"]
    assert result.attrs == {}


def test_misaligned_inputs_are_refused():
    data = with_grid(np.ones((4, 5), "float32"))
    with pytest.raises(ValueError, match="align"):
        pointwise(np.add, data, data.isel(x=slice(0, 4)), dtype="float32")


@given(chunks=st.tuples(st.integers(1, 9), st.integers(1, 12)))
def test_generated_blocks_know_their_place(chunks):
    coords = grid_coords(make_grid((0, 0, 12, 9), crs="EPSG:32650", resolution=1))
    whole = generate(positions, coords, dtype="float32", chunks=None, parameters={"step": 2})
    parts = generate(positions, coords, dtype="float32", chunks=chunks, parameters={"step": 2})
    xr.testing.assert_identical(whole, parts.compute())


def test_names_are_the_same_in_every_process():
    coords = grid_coords(make_grid((0, 0, 12, 9), crs="EPSG:32650", resolution=1))
    first = generate(positions, coords, dtype="float32", chunks=4)
    again = generate(positions, coords, dtype="float32", chunks=4)
    assert first.data.name == again.data.name
    assert first.data.name != generate(positions, coords, dtype="float32", chunks=5).data.name
    assert tokenize(first.data) == tokenize(again.data)


def weighted_total(block, weight):
    return np.nansum(block * weight, axis=0), weight + 0 * block[0]


def weighted(data, weight):
    return pointwise(weighted_total, data, weight, dtype="float64", core_dim="time", outputs=2)[0]


@given(values=rasters(times=5, shape=(11, 13)), data=st.data())
def test_a_static_layer_beside_a_series(values, data):
    raster, weight = with_grid(values), with_grid(np.arange(143.0).reshape(11, 13))
    chunks = {**data.draw(chunkings((11, 13))), "time": 2}
    expected = np.nansum(values * weight.values, axis=0)
    assert_chunk_invariant(weighted, raster, weight, chunks=chunks)
    lazy = weighted(raster.chunk(chunks), weight)
    np.testing.assert_array_equal(lazy, expected)


def test_dims_that_one_layer_lacks_are_broadcast():
    years = with_grid(np.ones((3, 4, 5)))
    found = pointwise(np.multiply, with_grid(np.arange(20.0).reshape(4, 5)), years.chunk(),
                      dtype="float64")  # fmt: skip
    assert set(found.dims) == {"time", "y", "x"}
    assert found.transpose("time", "y", "x")[2, 3, 4] == 19


def test_one_task_a_block():
    raster = with_grid(np.ones((3, 40, 50))).chunk({"y": 10, "x": 10}).persist()
    graph = summed(raster).data.dask
    assert len(graph.layers[summed(raster).data.name]) == 20


def test_a_dim_that_no_layer_has_is_refused():
    with pytest.raises(ParameterError, match="no layer has the dim 'time'"):
        summed(with_grid(np.ones((4, 5))))


def test_results_have_no_name_of_their_own():
    assert summed(with_grid(np.ones((3, 4, 5))).chunk({"y": 2})).name is None


def largest(block, *, shared):
    return float(block.max())


def over_shared(block, *, shared, times=1.0):
    return block / shared * times


def by_largest(raster, shared=None):
    found = reduce_blocks(largest, max, raster) if shared is None else shared
    return pointwise(over_shared, raster, dtype="float64", shared=found, parameters={"times": 4})


@given(rasters(shape=(9, 11), nodata_share=0), chunkings((9, 11)))
def test_a_reduction_is_shared_by_all_blocks(values, chunks):
    raster = with_grid(np.abs(np.nan_to_num(values)) + 1)
    assert_chunk_invariant(by_largest, raster, chunks=chunks)
    np.testing.assert_array_equal(by_largest(raster), raster.values / raster.values.max() * 4)


@pytest.mark.parametrize("shared", [2.0, constant(2.0)])
def test_an_object_that_is_known_is_shared_as_well(shared):
    raster = with_grid(np.arange(12.0).reshape(3, 4))
    for layer in (raster, raster.chunk({"x": 3})):
        np.testing.assert_array_equal(by_largest(layer, shared), raster * 2)


def test_a_check_that_fails_ends_the_work_before_any_block():
    seen = []

    def refuse(found, shared):
        raise ParameterError("refused")

    def look(block, *, shared):
        seen.append(block.shape)
        return block

    raster = with_grid(np.ones((6, 8))).chunk(2)
    check = reduce_blocks(largest, max, raster, finish=refuse)
    for shared in (check, constant(1).after(check)):
        lazy = pointwise(look, raster, dtype="float64", shared=shared)
        with pytest.raises(ParameterError, match="refused"):
            lazy.compute()
    assert not seen
