"""Cloud-optimised GeoTIFFs: what is read back is what was written, for any chunks."""

import importlib.util
import json

import dask
import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr

from mineeco_xr.cube import grid_coords, make_grid
from mineeco_xr.errors import GridMismatch, ParameterError
from mineeco_xr.report import write_cog
from mineeco_xr.testing import with_grid


def raster(rows=600, columns=700, dtype="float32"):
    values = np.random.default_rng(3).normal(100, 20, (rows, columns)).astype(dtype)
    if np.issubdtype(values.dtype, np.floating):
        values[50:90, :] = np.nan
    data = with_grid(values, name="npp", units="gC m-2 yr-1")
    return data.assign_attrs(
        long_name="net primary production", history="one\ntwo", mineeco=json.dumps({"version": "1"})
    )


def test_round_trip(tmp_path):
    data = raster()
    path = write_cog(data.chunk(y=250, x=300), tmp_path / "maps" / "npp.tif", tags={"run": 7})
    assert [p.name for p in path.parent.iterdir()] == ["npp.tif"]
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), data.values)
        assert file.crs.to_epsg() == 32650
        assert tuple(file.transform)[:6] == (30, 0, 500_000, 0, -30, 4_800_000)
        assert np.isnan(file.nodata)
        assert file.dtypes == ("float32",)
        assert file.units == ("gC m-2 yr-1",)
        assert file.descriptions == ("net primary production",)
        assert file.overviews(1) == [2]
        tags = file.tags()
        assert tags["units"] == "gC m-2 yr-1"
        assert tags["history"] == "one\ntwo"
        assert tags["run"] == "7"
        assert json.loads(tags["mineeco"]) == {"version": "1"}
        layout = file.tags(ns="IMAGE_STRUCTURE")
        assert (layout["LAYOUT"], layout["COMPRESSION"]) == ("COG", "DEFLATE")
        assert layout["PREDICTOR"] == "3"
        assert file.block_shapes == [(512, 512)]


def test_overviews_average_quantities_and_keep_classes(tmp_path):
    values = np.tile(np.array([[0, 8], [8, 0]], "float32"), (300, 300))
    path = write_cog(with_grid(values), tmp_path / "a.tif")
    with rasterio.open(path, overview_level=0) as file:
        assert np.unique(file.read(1)).tolist() == [4]
    path = write_cog(with_grid(values.astype("uint8")), tmp_path / "b.tif")
    with rasterio.open(path, overview_level=0) as file:
        assert set(np.unique(file.read(1))) <= {0, 8}


@pytest.mark.parametrize("chunks", [{"y": 600, "x": 700}, {"y": (13, 587), "x": (512, 1, 187)}])
@pytest.mark.parametrize("scheduler", ["threads", "synchronous", "processes"])
def test_chunks_and_schedulers_do_not_matter(tmp_path, chunks, scheduler):
    data = raster()
    plain = write_cog(data, tmp_path / "plain.tif")
    with dask.config.set(scheduler=scheduler):
        chunked = write_cog(data.chunk(chunks), tmp_path / "chunked.tif")
    with rasterio.open(plain) as left, rasterio.open(chunked) as right:
        np.testing.assert_array_equal(left.read(), right.read())
        assert str(left.profile) == str(right.profile)
        assert left.tags() == right.tags()


def test_time_becomes_bands(tmp_path):
    values = np.random.default_rng(0).normal(size=(5, 40, 60)).astype("float32")
    data = with_grid(values, units="mm").transpose("y", "x", "time")
    done = []
    path = write_cog(data.chunk(time=2, y=16), tmp_path / "t.tif", done=done.append)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), values)
        assert file.descriptions == tuple(f"{year}-01-01" for year in range(2001, 2006))
        assert file.units == ("mm",) * 5
    assert sum(done) == 9


def test_other_dims_are_described_by_their_labels(tmp_path):
    data = with_grid(np.zeros((2, 4, 4))).rename(time="zone")
    path = write_cog(data.assign_coords(zone=["pit", "dump"]), tmp_path / "z.tif")
    assert rasterio.open(path).descriptions == ("pit", "dump")
    path = write_cog(data.drop_vars("zone"), tmp_path / "n.tif")
    assert rasterio.open(path).descriptions == ("zone 1", "zone 2")


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("uint8", "uint8"), ("int16", "int16"), ("uint16", "uint16"), ("int32", "int32"),
     ("int64", "int64"), ("float64", "float32"), ("bool", "uint8")],
)  # fmt: skip
def test_dtypes_and_nodata(tmp_path, dtype, stored):
    values = np.arange(12).reshape(3, 4).astype(dtype)
    data = with_grid(values)
    if dtype.startswith(("u", "i")):
        data.encoding["_FillValue"] = 5
    with rasterio.open(write_cog(data, tmp_path / "a.tif")) as file:
        assert file.dtypes == (stored,)
        np.testing.assert_array_equal(file.read(1), values.astype(stored))
        if dtype == "bool":
            assert file.nodata is None
        elif dtype == "float64":
            assert np.isnan(file.nodata)
        else:
            assert file.nodata == 5
            assert file.read(1, masked=True).mask.sum() == 1


def test_classes_keep_their_meanings(tmp_path):
    data = with_grid(np.ones((4, 4), "uint8")).assign_attrs(
        flag_values=np.array([1, 2], "uint8"), flag_meanings="forest mine", _FillValue=255
    )
    with rasterio.open(write_cog(data, tmp_path / "c.tif")) as file:
        assert file.tags()["flag_values"] == "1 2"
        assert file.tags()["flag_meanings"] == "forest mine"
        assert file.nodata == 255


def test_south_up_rasters_are_turned(tmp_path):
    data = raster(60, 70)
    path = write_cog(data.isel(y=slice(None, None, -1)).chunk(y=32), tmp_path / "s.tif")
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), data.values)
        assert file.transform.e == -30


def test_a_geographic_grid(tmp_path):
    data = with_grid(np.ones((5, 6)), crs="EPSG:4326", resolution=0.01, origin=(30.0, -25.0))
    with rasterio.open(write_cog(data, tmp_path / "g.tif")) as file:
        assert file.crs.to_epsg() == 4326
        assert file.bounds == pytest.approx((30.0, -25.05, 30.06, -25.0))


def test_a_big_raster_passes_in_blocks_each_computed_once(tmp_path):
    grid = make_grid((0, 0, 2500, 2000), crs="EPSG:32650", resolution=1)
    seen = []

    def block(block_info=None):
        (rows, columns) = block_info[None]["array-location"]
        seen.append((rows, columns))
        shape = block_info[None]["chunk-shape"]
        return np.full(shape, rows[0] + columns[0], "float32")

    lazy = da.map_blocks(
        block, chunks=((500,) * 4, (500,) * 5), dtype="float32", meta=np.empty((0, 0), "f4")
    )
    data = xr.DataArray(lazy, dims=("y", "x"), coords=grid_coords(grid))
    seen.clear()
    path = write_cog(data, tmp_path / "big.tif")
    assert len(seen) == len(set(seen)) == 20
    with rasterio.open(path) as file:
        found = file.read(1)
        assert file.overviews(1)[:2] == [2, 4]
    np.testing.assert_array_equal(
        found[::500, ::500], np.add.outer(range(0, 2000, 500), range(0, 2500, 500))
    )


def test_a_failing_block_leaves_the_old_file_and_no_litter(tmp_path):
    path = write_cog(raster(40, 50), tmp_path / "a.tif")
    before = path.read_bytes()

    def fail(block):
        raise RuntimeError("no such block")

    lazy = raster(40, 50).chunk(y=20)
    lazy = lazy.copy(data=lazy.data.map_blocks(fail, dtype="float32", meta=np.empty((0, 0), "f4")))
    with pytest.raises(RuntimeError, match="no such block"):
        write_cog(lazy, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_refusals(tmp_path):
    data = raster(5, 5)
    with pytest.raises(GridMismatch):
        write_cog(xr.DataArray(np.ones((4, 4)), dims=("y", "x")), tmp_path / "a.tif")
    with pytest.raises(GridMismatch):
        write_cog(data.drop_vars("spatial_ref"), tmp_path / "a.tif")
    with pytest.raises(ParameterError, match=r"\.tif"):
        write_cog(data, tmp_path / "a.png")
    with pytest.raises(ParameterError, match="dims"):
        write_cog(with_grid(np.ones((2, 5, 5))).expand_dims("model"), tmp_path / "a.tif")
    with pytest.raises(ParameterError, match="complex"):
        write_cog(data.astype("complex64"), tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


@pytest.mark.cluster
@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="no distributed")
def test_a_cluster_sends_blocks_to_the_client(tmp_path):
    from distributed import Client

    data = raster()
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=":0"):
        path = write_cog(data.chunk(y=200, x=300), tmp_path / "c.tif")
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), data.values)
