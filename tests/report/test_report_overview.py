"""Overviews: right values, right coordinates, lazy, and never the whole raster at once."""

import numpy as np
import pytest
import xarray as xr

from mineeco_xr.cube import cell_area, geobox_of
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.report import overview
from mineeco_xr.report.overview import north_up, valid_values
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, with_grid


def block_means(values, step):
    rows, columns = (-(-side // step) for side in values.shape)
    out = np.full((rows, columns), np.nan, dtype="float64")
    for i in range(rows):
        for j in range(columns):
            block = values[i * step : (i + 1) * step, j * step : (j + 1) * step]
            block = block[np.isfinite(block)]
            if block.size:
                out[i, j] = block.astype("float64").mean()
    return out


@pytest.mark.parametrize(("shape", "most"), [((7, 11), 4), ((12, 5), 3), ((9, 9), 2), ((1, 10), 3)])
def test_means_equal_brute_force(shape, most):
    rng = np.random.default_rng(5)
    values = rng.normal(10, 3, shape).astype("float32")
    values[rng.random(shape) < 0.4] = np.nan
    data = with_grid(values, units="m")
    thin = overview(data, most)
    step = -(-max(shape) // most)
    np.testing.assert_allclose(thin.values, block_means(values, step).astype("float32"), rtol=1e-6)
    assert thin.dtype == "float32"
    assert thin.attrs["units"] == "m"
    assert max(thin.sizes["y"], thin.sizes["x"]) <= most


def test_coordinates_and_grid_of_means():
    data = with_grid(np.arange(70.0).reshape(7, 10), resolution=30)
    thin = overview(data, 4)
    grid = geobox_of(thin)
    assert grid.affine.a == 90
    assert grid.affine.e == -90
    assert (grid.affine.c, grid.affine.f) == (500_000, 4_800_000)
    assert thin["x"].values[0] == data["x"].values[:3].mean()
    assert thin["y"].values[1] == data["y"].values[3:6].mean()
    np.testing.assert_allclose(np.diff(thin["x"]), 90)
    assert grid.crs == geobox_of(data).crs


def test_a_south_up_raster_keeps_its_order():
    data = with_grid(np.arange(64.0).reshape(8, 8)).isel(y=slice(None, None, -1))
    thin = overview(north_up(data), 4)
    assert thin["y"].values[0] > thin["y"].values[-1]
    assert geobox_of(thin).affine.e < 0
    np.testing.assert_array_equal(north_up(data).values, np.arange(64.0).reshape(8, 8))


@pytest.mark.parametrize("shape", [(7, 11), (12, 30), (1, 9), (40, 3)])
def test_classes_keep_a_cell_that_exists(shape):
    values = np.arange(np.prod(shape), dtype="int32").reshape(shape)
    data = with_grid(values)
    thin = overview(data, 4)
    assert thin.dtype == "int32"
    for row in thin["y"].values:
        for column in thin["x"].values:
            assert thin.sel(y=row, x=column).item() == data.sel(y=row, x=column).item()
    step = -(-max(shape) // 4)
    assert geobox_of(thin).affine.a == 30 * step
    if shape[0] > step:
        assert thin["y"].values[0] == data["y"].values[(step - 1) // 2]


def test_flagged_floats_and_booleans_are_classes():
    values = np.tile([[1.0, 5.0], [5.0, 1.0]], (6, 6))
    flagged = with_grid(values).assign_attrs(flag_values=[1, 5], flag_meanings="a b")
    assert set(np.unique(overview(flagged, 5))) <= {1.0, 5.0}
    assert overview(with_grid(values > 2), 5).dtype == bool


def test_small_rasters_are_returned_as_they_are():
    data = with_grid(np.ones((3, 4)))
    assert overview(data, 4) is data


def test_time_is_kept():
    values = np.random.default_rng(0).normal(size=(3, 8, 10)).astype("float32")
    thin = overview(with_grid(values), 5)
    assert thin.dims == ("time", "y", "x")
    np.testing.assert_allclose(thin.values[1], block_means(values[1], 2), rtol=1e-5)
    assert thin["time"].size == 3


@pytest.mark.parametrize("chunks", [{"y": 4, "x": 5}, {"y": (1, 12, 2), "x": (7, 3, 9)}])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_chunks_do_not_matter_and_nothing_is_read(chunks, dtype):
    values = np.random.default_rng(1).normal(50, 20, (15, 19)).astype(dtype)
    if dtype != "int16":
        values[3:9, 2:11] = np.nan
    assert_chunk_invariant(overview, with_grid(values), chunks=chunks, relative=1e-7, most=6)


class Recorder:
    """An array that remembers what was read of it."""

    def __init__(self, shape, dtype="float32"):
        self.shape, self.dtype, self.ndim = shape, np.dtype(dtype), len(shape)
        self.reads = []

    def __getitem__(self, key):
        sides = [len(range(*part.indices(n))) for part, n in zip(key, self.shape, strict=True)]
        self.reads.append(int(np.prod(sides)))
        return np.ones(sides, dtype=self.dtype)


def test_a_big_raster_is_read_chunk_by_chunk():
    import dask.array as da

    source = Recorder((3000, 4000))
    like = with_grid(np.zeros((2, 2)))
    y = like["y"].values[0] - 30.0 * np.arange(3000)
    x = like["x"].values[0] + 30.0 * np.arange(4000)
    data = xr.DataArray(
        da.from_array(source, chunks=500), dims=("y", "x"), coords={"y": y, "x": x}
    ).assign_coords(spatial_ref=like["spatial_ref"])
    data["spatial_ref"].attrs.pop("GeoTransform", None)
    source.reads.clear()
    thin = assert_lazy(overview, data, 120)
    assert source.reads == []
    assert (thin.values == 1).all()
    assert max(source.reads) <= 500 * 500
    assert max(np.prod(block.shape) for block in thin.data.blocks) < 100 * 100


def test_no_warning_for_empty_blocks():
    assert np.isnan(overview(with_grid(np.full((9, 9), np.nan, "float32")).chunk(3), 3)).all()


def test_refusals():
    with pytest.raises(ParameterError, match="most"):
        overview(with_grid(np.ones((4, 4))), 0)
    with pytest.raises(GridMismatch):
        overview(xr.DataArray(np.ones((4, 4)), dims=("y", "x")), 2)


def test_nodata_is_masked():
    data = with_grid(np.array([[1, 255], [2, 3]], dtype="uint8")).assign_attrs(_FillValue=255)
    assert valid_values(data).mask.tolist() == [[False, True], [False, False]]
    infinite = with_grid(np.array([[1.0, np.inf], [np.nan, -9999.0]]))
    infinite.encoding["_FillValue"] = -9999.0
    assert valid_values(infinite).count() == 1


def test_overview_area_is_that_of_the_raster_when_blocks_fit():
    data = with_grid(np.ones((8, 8)))
    thin = overview(data, 4)
    assert cell_area(geobox_of(thin)).sum() * 4 == cell_area(geobox_of(data)).sum() * 8
