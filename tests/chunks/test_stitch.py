"""Stitch: three stages over any blocks."""

from __future__ import annotations

import importlib

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from mineeco_xr.chunks import Place, stitch
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, with_grid

SHAPE = (9, 11)


def column_sums(block, *, place):
    return block.sum(axis=0)


def sums_above(records, chunks, **_):
    answers = {}
    for j in range(len(chunks[1])):
        running = np.zeros(chunks[1][j])
        for i in range(len(chunks[0])):
            answers[i, j] = running
            running = running + records[i, j]
    return answers


def cumulated(block, *, answer, place):
    return answer + np.cumsum(block, axis=0)


def cumulate(data):
    return stitch(column_sums, sums_above, cumulated, data, dtype="float64")


@given(data=st.data())
def test_sums_down_the_columns_cross_any_border(data):
    values = np.arange(99.0).reshape(SHAPE)
    raster = with_grid(values)
    np.testing.assert_array_equal(cumulate(raster), np.cumsum(values, axis=0))
    assert_chunk_invariant(cumulate, raster, chunks=data.draw(chunkings(SHAPE)))


def test_each_date_is_a_raster_of_its_own():
    values = np.random.default_rng(0).integers(0, 9, (3, *SHAPE)).astype(float)
    lazy = with_grid(values).chunk({"time": 2, "y": 4, "x": 5})
    np.testing.assert_array_equal(cumulate(lazy).compute(), np.cumsum(values, axis=1))
    np.testing.assert_array_equal(cumulate(with_grid(values)), np.cumsum(values, axis=1))


def where(block, *, place, fills=None):
    return (place, block.shape)


def nothing(records, chunks, **_):
    return {index: (place, shape) for index, (place, shape) in records.items()}


def check_place(block, *, answer, place):
    assert answer == (place, block.shape)
    assert isinstance(place, Place)
    return block[1:-1, 1:-1] * 0 + place.rows.start * 100 + place.columns.start


def test_blocks_know_their_place_and_see_their_halo():
    raster = with_grid(np.ones(SHAPE)).chunk({"y": (4, 5), "x": (3, 1, 7)})
    found = stitch(where, nothing, check_place, raster, dtype="int64", depth=1, fill=1.0)
    expected = np.add.outer(np.repeat([0, 400], [4, 5]), np.repeat([0, 3, 4], [3, 1, 7]))
    np.testing.assert_array_equal(found.compute(), expected)


def both(block, *, answer, place):
    return block + 1, block + 2


def test_several_outputs():
    for raster in (with_grid(np.ones(SHAPE)), with_grid(np.ones(SHAPE)).chunk({"x": 4})):
        one, two = stitch(where, nothing, both, raster, dtype="float32", outputs=2)
        assert one.dtype == two.dtype == np.float32
        assert one.values.max() == 2
        assert two.values.min() == 3


def test_the_source_is_read_once_a_stage_and_not_held():
    reads = []

    def read(block):
        reads.append(1)
        return block

    source = da.from_array(np.ones(SHAPE), chunks=(3, 4))
    counted = da.map_blocks(read, source, dtype=float, meta=np.empty((0, 0)))
    lazy = with_grid(np.ones(SHAPE)).copy(data=counted)
    first = cumulate(lazy)
    assert not reads
    first.compute()
    assert len(reads) == 2 * 9
    reads.clear()
    cumulate(first).compute()
    assert len(reads) == 3 * 9, "a second stitch reads again but does not solve the first again"


def test_names_are_the_same_at_every_call():
    lazy = with_grid(np.ones(SHAPE)).chunk({"x": 4})
    assert cumulate(lazy).data.name == cumulate(lazy).data.name


def test_a_chunk_costs_a_few_tasks():
    few, many = (
        len(dask.optimize(cumulate(with_grid(np.ones(SHAPE)).chunk({"x": size})).data)[0].dask)
        for size in (2, 1)
    )
    assert many - few <= 7 * (11 - 6)


def test_what_it_refuses():
    raster = with_grid(np.ones(SHAPE))
    with pytest.raises(ParameterError, match="transpose all"):
        cumulate(raster.transpose("x", "y"))
    with pytest.raises(ParameterError, match="fill="):
        stitch(where, nothing, both, raster.astype(int), dtype="int8", depth=1)
    with pytest.raises(ParameterError, match="as small as 2"):
        stitch(where, nothing, both, raster.chunk({"x": (9, 2)}), dtype="f4", depth=3)
    with pytest.raises((GridMismatch, ValueError)):
        stitch(where, nothing, both, raster, raster.isel(x=slice(3)), dtype="f4")
    with pytest.raises(ParameterError, match="transpose all"):
        stitch(where, nothing, both, raster, xr.concat([raster], "time"), dtype="f4")


def test_the_solve_runs_once_however_many_blocks_use_it():
    solved = []

    def counting(records, chunks, **_):
        solved.append(1)
        return sums_above(records, chunks)

    lazy = with_grid(np.ones(SHAPE)).chunk(3)
    stitch(column_sums, counting, cumulated, lazy, dtype="float64").compute()
    assert len(solved) == 1


def test_thin_chunks_are_joined_and_the_result_is_cut_back(monkeypatch):
    monkeypatch.setattr(importlib.import_module("mineeco_xr.chunks.stitch"), "SMALLEST_BLOCK", 4)
    values = np.arange(99.0).reshape(SHAPE)
    lazy = with_grid(values).chunk({"y": 1, "x": 5})
    found = cumulate(lazy)
    assert found.chunks == lazy.chunks
    np.testing.assert_array_equal(found, np.cumsum(values, axis=0))
