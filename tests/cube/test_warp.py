"""The exact warp: against rasterio where it is exact, against itself for any chunking."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
import rasterio.warp
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube import geobox_of, make_grid, warp
from mineeco_xr.errors import DataError, GridMismatch, ParameterError
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

EXACT_GDAL = "tolerance" in inspect.signature(rasterio.warp.reproject).parameters
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
SHAPE = (23, 31)


def source(values=None, **grid):
    if values is None:
        values = np.random.default_rng(0).normal(10, 3, SHAPE).astype("float32")
    return with_grid(values, resolution=463.3, **grid)


def target(crs="EPSG:4326", resolution=0.004):
    """A grid that covers the source and a little more."""
    left, bottom, right, top = bounds_in(source(), crs)
    pad = 3 * resolution
    return make_grid((left - pad, bottom - pad, right + pad, top + pad), crs=crs,
                     resolution=resolution)  # fmt: skip


def bounds_in(raster, crs):
    box = geobox_of(raster)
    left, bottom, right, top = box.boundingbox
    return rasterio.warp.transform_bounds(
        box.crs.to_wkt(), rasterio.crs.CRS.from_user_input(crs), left, bottom, right, top
    )


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average", "sum", "mode"])
@pytest.mark.parametrize("grid", [target(), target(SINUSOIDAL, 1111.0)], ids=["degrees", "modis"])
@given(values=rasters(shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(resampling, grid, values, data):
    sides = data.draw(st.tuples(st.integers(5, 40), st.integers(5, 40)))
    expected = warp(source(values), grid, resampling=resampling)
    chunked = source(values).chunk(data.draw(chunkings(SHAPE)))
    found = assert_lazy(warp, chunked, grid, resampling=resampling, chunks=sides)
    np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.skipif(not EXACT_GDAL, reason="rasterio before 1.5 cannot be exact")
@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
def test_equals_exact_gdal(resampling):
    raster, grid = source(), target()
    found = warp(raster, grid, resampling=resampling).values
    box = geobox_of(raster)
    expected = np.full(grid.shape, np.nan, "float32")
    rasterio.warp.reproject(
        raster.values, expected, src_transform=box.affine, src_crs=box.crs.to_wkt(),
        dst_transform=grid.affine, dst_crs=grid.crs.to_wkt(), src_nodata=np.nan,
        dst_nodata=np.nan, resampling=rasterio.warp.Resampling[resampling], tolerance=0,
    )  # fmt: skip
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize(("resampling", "relative"), [("average", 1e-5), ("sum", 1e-5)])
def test_equals_gdal_on_one_reference_system(resampling, relative):
    """Without a change of reference system GDAL's coordinates are exact in every version."""
    raster = source()
    box = geobox_of(raster).boundingbox
    grid = make_grid((box.left + 100, box.bottom, box.right, box.top - 200), crs="EPSG:32650",
                     resolution=1500)  # fmt: skip
    found = warp(raster, grid, resampling=resampling).values
    expected = np.full(grid.shape, np.nan, "float32")
    rasterio.warp.reproject(
        raster.values, expected, src_transform=geobox_of(raster).affine, src_crs="EPSG:32650",
        dst_transform=grid.affine, dst_crs="EPSG:32650", src_nodata=np.nan, dst_nodata=np.nan,
        resampling=rasterio.warp.Resampling[resampling],
    )  # fmt: skip
    # GDAL leaves out cells of less than a tenth of a percent and pads the last row and column.
    inner = (slice(None, -1), slice(None, -1))
    np.testing.assert_allclose(found[inner], expected[inner], rtol=relative)


def test_sums_are_conserved_across_reference_systems():
    raster = source()
    for grid in (target(), target(SINUSOIDAL, 700.0)):
        found = warp(raster, grid, resampling="sum").astype("float64")
        assert float(found.sum()) == pytest.approx(float(raster.astype("float64").sum()), rel=1e-5)


def test_nearest_equals_pyproj():
    import pyproj

    raster, grid = source(), target()
    found = warp(raster, grid, resampling="nearest").values
    rows, columns = np.indices(grid.shape)
    lon, lat = grid.affine @ (columns + 0.5, rows + 0.5) if hasattr(
        grid.affine, "__matmul__") else grid.affine * (columns + 0.5, rows + 0.5)  # fmt: skip
    x, y = pyproj.Transformer.from_crs(4326, 32650, always_xy=True).transform(lon, lat)
    box = geobox_of(raster)
    c = np.floor((x - box.affine.c) / box.affine.a).astype(int)
    r = np.floor((y - box.affine.f) / box.affine.e).astype(int)
    inside = (c >= 0) & (c < SHAPE[1]) & (r >= 0) & (r < SHAPE[0])
    expected = np.full(grid.shape, np.nan, "float32")
    expected[inside] = raster.values[r[inside], c[inside]]
    np.testing.assert_array_equal(found, expected)


def test_the_same_grid_changes_nothing():
    raster = source()
    np.testing.assert_array_equal(warp(raster, raster, resampling="bilinear"), raster)


def test_classes_stay_integers_and_name_their_nodata():
    values = np.random.default_rng(0).integers(1, 5, SHAPE).astype("uint8")
    raster = source(values).assign_attrs(_FillValue=np.uint8(0), flag_values=[1, 2, 3, 4])
    for resampling in ("nearest", "mode"):
        found = warp(raster, target(), resampling=resampling)
        assert found.dtype == "uint8"
        assert found.attrs["_FillValue"] == 0
        assert found.attrs["flag_values"] == [1, 2, 3, 4]
        assert set(np.unique(found)) == {0, 1, 2, 3, 4}
    assert warp(raster, target(), resampling="average").dtype == "float32"


def test_share_of_valid_cells():
    values = np.ones((4, 4), "float32")
    values[:2] = np.nan
    raster = with_grid(values)
    box = geobox_of(raster).boundingbox
    coarse = make_grid(tuple(box), crs="EPSG:32650", resolution=120)
    assert warp(raster, coarse, resampling="average", min_valid=0.5).item() == 1.0
    assert np.isnan(warp(raster, coarse, resampling="average", min_valid=0.51).item())


def test_a_grid_far_away_is_all_nodata():
    grid = make_grid((0, 0, 1, 1), crs="EPSG:4326", resolution=0.1)
    assert np.isnan(warp(source(), grid, resampling="nearest")).all()


def test_bad_parameters():
    with pytest.raises(ParameterError, match="cubic"):
        warp(source(), target(), resampling="cubic")
    integers = source(np.ones(SHAPE, "uint8"))
    with pytest.raises(ParameterError, match="names no nodata value"):
        warp(integers, target(), resampling="nearest")
    with pytest.raises(GridMismatch, match="no coordinate reference system"):
        warp(source().drop_vars("spatial_ref"), target(), resampling="nearest")


@given(values=rasters(times=3, shape=(8, 9)), data=st.data())
def test_years_are_carried_along(values, data):
    grid = target(resolution=0.01)
    assert_chunk_invariant(
        lambda a: warp(a, grid, resampling="average", chunks=7 if a.chunks else None),
        source(values), chunks={**data.draw(chunkings((8, 9))), "time": 2},
    )  # fmt: skip


def test_coarse_targets_are_cut_until_their_windows_are_small(monkeypatch):
    module = importlib.import_module("mineeco_xr.cube.warp")
    sizes, block = [], module.warp_window

    def watched(window, **parameters):
        sizes.append(window.nbytes)
        return block(window, **parameters)

    monkeypatch.setattr(module, "warp_window", watched)
    lookup = importlib.import_module("mineeco_xr.cube.lookup")
    monkeypatch.setattr(lookup, "WINDOW_BYTES", 2**16)
    raster = with_grid(np.random.default_rng(0).normal(size=(6, 700, 700)).astype("float32"))
    box = tuple(raster.mine.grid.boundingbox)
    coarse = make_grid(box, crs="EPSG:32650", resolution=300)
    found = warp(raster.chunk({"y": 200, "x": 300}), coarse, resampling="average")
    assert found.chunksizes["y"] == (70,)
    expected = raster.coarsen(y=10, x=10).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert max(sizes) <= 3 * 2**16
    assert len(sizes) > 50


def test_the_antimeridian_is_refused_where_cells_straddle_it():
    world = make_grid((-180, -60, 180, 60), crs="EPSG:4326", resolution=1)
    raster = mx.cube.full(world, 1.0)
    pacific = make_grid((200_000, 0, 1_200_000, 400_000), crs="EPSG:32660", resolution=50_000)
    with pytest.raises(DataError, match="antimeridian"):
        warp(raster, pacific, resampling="average")


def test_equal_grids_give_the_promised_type():
    classes = with_grid(np.ones((4, 4), "int16")).assign_attrs(_FillValue=0)
    assert warp(classes, classes, resampling="average").dtype == "float32"
    assert warp(classes, classes, resampling="mode").dtype == "int16"
    lazy = warp(classes.chunk({"x": 1}), classes, resampling="nearest", chunks=2)
    assert lazy.chunksizes["x"] == (2, 2)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
def test_a_code_of_floats_becomes_nan_on_the_same_grid_too(resampling):
    data = with_grid(np.array([[1.0, -1.0]], "f4")).assign_attrs(_FillValue=-1.0)
    found = data.mine.warp(data, resampling=resampling)
    np.testing.assert_array_equal(found.values, [[1.0, np.nan]])
    assert "_FillValue" not in found.attrs
