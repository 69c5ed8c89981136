"""A stack read in one task a block equals each file decoded and warped by itself."""

from __future__ import annotations

import dask
import numpy as np
import pytest
import rioxarray
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.testing import assert_lazy, with_grid

SHAPE = (20, 26)
BOUNDS = (116.995, 43.34, 117.012, 43.356)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("stack")
    for number, year in enumerate((2001, 2002, 2004)):
        values = np.random.default_rng(year).integers(0, 5000, SHAPE).astype("int16")
        values[number, :] = -1
        # Each file lies a little elsewhere, as scenes do.
        raster = with_grid(values, origin=(500_000.0 + 7 * number, 4_800_000.0))
        raster.rio.write_nodata(-1, inplace=True)
        raster.rio.to_raster(place / f"a_{year}.tif")
    return place


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average", "sum", "mode"])
@pytest.mark.parametrize("scale", [None, 0.01])
@given(chunk=st.integers(5, 40), resolution=st.sampled_from([0.0002, 0.0009]))
def test_equals_each_file_by_itself(resampling, scale, chunk, resolution, folder):
    grid = {"crs": "EPSG:4326", "resolution": resolution, "bounds": BOUNDS}
    layer = {"path": str(folder), "resampling": resampling}
    if scale is not None:
        layer |= {"scale": scale, "units": "1"}
    manifest = {"grid": grid, "variables": {"a": layer}}
    found = assert_lazy(mx.ingest, manifest, chunk=chunk)["a"]
    target = mx.make_grid(BOUNDS, crs="EPSG:4326", resolution=resolution)
    for number, year in enumerate((2001, 2002, 2004)):
        raster = rioxarray.open_rasterio(folder / f"a_{year}.tif").squeeze("band", drop=True)
        if scale is not None:
            valid = raster.where(raster != -1)
            raster = (valid.astype("float64") * scale).astype("float32")
            raster.attrs = {}
        expected = mx.warp(raster, target, resampling=resampling, nodata=-1)
        np.testing.assert_array_equal(found[number], expected)
        assert found.dtype == expected.dtype


def test_a_stack_is_one_task_a_block(folder):
    manifest = {"grid": {"like": "a"},
                "variables": {"a": {"path": str(folder), "resampling": "bilinear",
                                    "units": "1"}}}  # fmt: skip
    found = mx.ingest(manifest, chunk=10)["a"]
    assert found.data.numblocks == (1, 2, 3)
    (optimised,) = dask.optimize(found.data)
    assert len(dict(optimised.__dask_graph__())) <= 6 + 2 * (2 + 3) + 2, "6 blocks, their places"


def test_static_layers_have_no_date(folder):
    layer = {"path": str(folder / "a_2001.tif"), "static": True}
    manifest = {"grid": {"like": "a"}, "variables": {"a": layer}}
    found = mx.ingest(manifest)["a"]
    assert found.dims == ("y", "x")
    assert isinstance(found, xr.DataArray)
