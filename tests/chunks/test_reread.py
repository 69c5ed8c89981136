"""Reread: a pass of its own over any source."""

from __future__ import annotations

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.chunks import pointwise, reduce_blocks
from mineeco_xr.chunks.reread import read_again, reread
from mineeco_xr.testing import with_grid

SOURCES = {
    "plain": lambda x: x + 1,
    "rechunked": lambda x: x.rechunk(((7, 1, 20, 32), (1, 30, 29))),
    "sliced": lambda x: x[1:, 2:],
    "joined": lambda x: da.concatenate([x, x]),
    "overlapped": lambda x: da.overlap.overlap(x, depth=1, boundary=0.0),
    "rechunked and overlapped": lambda x: da.overlap.overlap(
        x.rechunk((20, 15)), depth={0: 1, 1: 1}, boundary={0: 0.0, 1: 0.0}
    ),
    "stacked": lambda x: da.stack([x, x[::-1]])[1],
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_each_pass_reads_every_block_once(make):
    reads = []

    def read(block):
        reads.append(1)
        return block

    values = np.arange(3600.0).reshape(60, 60)
    source = da.from_array(values, chunks=(32, 30))
    source = da.map_blocks(read, source, dtype=float, meta=np.empty((0, 0)))
    once = make(source)
    (expected,) = dask.compute(once.sum())
    alone = len(reads)
    reads.clear()
    both = dask.compute(once.sum(), read_again(once).sum(), read_again(once, "third").sum())
    assert both == (expected, expected, expected)
    assert len(reads) == 3 * alone
    np.testing.assert_array_equal(read_again(once), once)


COUNTED = []


def _counted(block):
    COUNTED.append(1)
    return block + 1


def _total(block, *, shared):
    return block.sum()


def _less(block, *, shared):
    return block - shared


def test_source_is_read_again_and_a_check_is_not():
    checked = reduce_blocks(_total, sum, with_grid(np.ones((4, 6))).chunk(2))
    source = pointwise(_counted, with_grid(np.zeros((4, 6))).chunk(2), dtype="float64")
    first = pointwise(_less, source, dtype="float64", shared=checked)
    COUNTED.clear()
    both = xr.Dataset({"first": first, "again": reread(first)}).compute()
    assert len(COUNTED) == 12
    np.testing.assert_array_equal(both["first"], np.full((4, 6), -23))
    np.testing.assert_array_equal(both["again"], both["first"])


def test_what_is_small_is_held_and_not_read_again(monkeypatch):
    source = pointwise(_counted, with_grid(np.zeros((4, 6))).chunk(2), dtype="float64")
    monkeypatch.setattr("mineeco_xr.chunks.reread.HELD_BYTES", source.nbytes)
    assert reread(source) is source
    monkeypatch.setattr("mineeco_xr.chunks.reread.HELD_BYTES", source.nbytes - 1)
    assert reread(source).data.name != source.data.name


@pytest.mark.parametrize("held", [0, 2**20])
def test_a_source_is_read_once_more_only_where_it_is_not_held(held, monkeypatch):
    monkeypatch.setattr("mineeco_xr.chunks.reread.HELD_BYTES", held)
    source = pointwise(_counted, with_grid(np.zeros((4, 6))).chunk(2), dtype="float64")
    checked = reduce_blocks(_total, sum, source)
    less = pointwise(_less, reread(source), dtype="float64", shared=checked.after(checked))
    COUNTED.clear()
    np.testing.assert_array_equal(less.compute(), np.full((4, 6), -23))
    assert len(COUNTED) == (6 if held else 12)


def test_codes_are_read_again_however_small(monkeypatch):
    monkeypatch.setattr("mineeco_xr.chunks.reread.HELD_BYTES", 2**20)
    codes = with_grid(np.ones((4, 6), "uint8")).chunk(2)
    assert reread(codes).data.name != codes.data.name


def test_burned_vectors_are_burned_again_and_arrays_in_memory_stay():
    like = with_grid(np.zeros((4, 6)))
    x, y = like["x"].values, like["y"].values
    pit = gpd.GeoDataFrame(geometry=[shapely.Point(x[1], y[2]).buffer(40)], crs="EPSG:32650")
    burned = mx.burn(pit, like, chunks=2)
    again = reread(burned + 1)
    np.testing.assert_array_equal(again.compute(), (burned + 1).compute())
    assert reread(like) is like
