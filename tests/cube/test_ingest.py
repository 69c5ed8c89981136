"""Ingest of GeoTIFF stacks, NetCDF and Zarr, and every way in which it can go wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube import grid_difference
from mineeco_xr.errors import (
    DataError,
    GridMismatch,
    ParameterError,
    SchemaError,
    UnitError,
)
from mineeco_xr.testing import assert_lazy, with_grid

SHAPE = (12, 15)


def write(raster, path, **options):
    raster.rio.to_raster(path, **options)
    return path


def stored(seed=0, dtype="int16", **grid):
    values = np.random.default_rng(seed).integers(1, 5000, SHAPE).astype(dtype)
    return with_grid(values, **grid)


@pytest.fixture
def stack(tmp_path):
    """Three years of a stored product, one nodata cell each."""
    for year in (2001, 2002, 2004):
        raster = stored(year)
        raster[0, 0] = -1
        raster.rio.write_nodata(-1, inplace=True)
        write(raster, tmp_path / f"ndvi_{year}.tif")
    return tmp_path


def manifest(**layer):
    return {"grid": {"like": "ndvi"}, "variables": {"ndvi": layer}}


def test_a_folder_becomes_a_series(stack):
    cube = assert_lazy(mx.ingest, manifest(path=str(stack), scale=0.0001, offset=0.5, units="1"))
    ndvi = cube["ndvi"]
    assert ndvi.dims == ("time", "y", "x")
    assert [str(t)[:4] for t in ndvi["time"].values] == ["2001", "2002", "2004"]
    assert ndvi.dtype == "float32"
    assert np.isnan(ndvi[:, 0, 0]).all()
    expected = stored(2002).values[1:] * 0.0001 + 0.5
    np.testing.assert_allclose(ndvi[1, 1:], expected, rtol=1e-6)
    assert ndvi.attrs["units"] == "1"
    assert cube.mine.grid == stored().mine.grid


@given(chunk=st.integers(3, 20))
def test_any_chunking_gives_the_same_bits(chunk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    for year in (2001, 2002):
        write(stored(year).assign_attrs(_FillValue=-1), folder / f"a_{year}.tif")
    sources = manifest(path=str(folder), resampling="bilinear", scale=0.1)
    grid = {"crs": "EPSG:4326", "resolution": 0.0004, "bounds": (116.995, 43.34, 117.01, 43.36)}
    sources = {**sources, "grid": grid}
    whole, parts = mx.ingest(sources, chunk=500), mx.ingest(sources, chunk=chunk)
    xr.testing.assert_equal(whole.compute(), parts.compute())


def test_patterns_lists_and_globs(stack):
    by_glob = mx.ingest(manifest(path=str(stack / "ndvi_200[12].tif")))
    assert by_glob.sizes["time"] == 2
    by_list = mx.ingest(
        manifest(path=["ndvi_2004.tif", "ndvi_2001.tif"], date_pattern="_{year}"), base=stack
    )
    assert [str(t)[:4] for t in by_list["time"].values] == ["2001", "2004"]


def test_bands_by_name_and_as_dates(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")
    write(with_grid(values).drop_vars("time").rename(time="band"), tmp_path / "s_2001.tif")
    with rasterio.open(tmp_path / "s_2001.tif", "r+") as file:
        file.descriptions = ("2011", "2012")
    path = str(tmp_path / "s_2001.tif")
    one = mx.ingest(manifest(path=path, band="2012"))["ndvi"]
    np.testing.assert_array_equal(one[0], values[1])
    both = mx.ingest(manifest(path=path, bands="time"))["ndvi"]
    assert [str(t)[:4] for t in both["time"].values] == ["2011", "2012"]
    np.testing.assert_array_equal(both, values)
    with pytest.raises(SchemaError, match=r"2 bands \(2011, 2012\): name one"):
        mx.ingest(manifest(path=path))
    with pytest.raises(SchemaError, match="no band 'red'"):
        mx.ingest(manifest(path=path, band="red"))


def test_classes_keep_their_codes(tmp_path):
    raster = stored(dtype="uint8") % 4
    raster.rio.write_nodata(0, inplace=True)
    write(raster, tmp_path / "lc.tif")
    found = mx.ingest(
        {
            "grid": {"like": "lc"},
            "variables": {
                "lc": {
                    "path": str(tmp_path / "lc.tif"),
                    "static": True,
                    "classes": {1: "crop land", 2: "forest", 3: "pit"},
                }
            },
        }
    )["lc"]
    assert found.dtype == "uint8"
    assert found.attrs["flag_meanings"] == "crop_land forest pit"
    assert found.attrs["_FillValue"] == 0
    np.testing.assert_array_equal(found, raster)


@pytest.mark.parametrize("kind", ["zarr", "nc"])
@pytest.mark.parametrize("named", [True, False])
def test_classes_of_netcdf_and_zarr_keep_their_codes(tmp_path, kind, named):
    codes = np.arange(np.prod(SHAPE), dtype="uint8").reshape(SHAPE) % 4
    flags = {"flag_values": np.array([1, 2, 3], "uint8"), "flag_meanings": "field wood pit"}
    raster = with_grid(codes, name="lc").assign_attrs(_FillValue=np.uint8(0), **flags)
    path = tmp_path / f"lc.{kind}"
    if kind == "zarr":
        mx.write_cube(raster.to_dataset(), path)
    else:
        raster.to_netcdf(path)
    layer = {"path": str(path)} | ({"classes": {1: "field", 2: "wood", 3: "pit"}} if named else {})
    found = mx.ingest({"grid": {"like": "lc"}, "variables": {"lc": layer}})["lc"]
    assert found.dtype == "uint8"
    assert found.attrs["_FillValue"] == 0
    assert found.attrs["flag_meanings"] == "field wood pit"
    np.testing.assert_array_equal(found, codes)


def test_netcdf_and_zarr(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")
    values[0, 3, 4] = np.nan
    raster = with_grid(values, name="npp", units="gC m-2 yr-1", crs="EPSG:4326", resolution=0.01,
                       origin=(10.0, 50.0))  # fmt: skip
    ds = raster.rename(y="lat", x="lon").to_dataset()
    ds.to_netcdf(tmp_path / "a.nc")
    mx.write_cube(raster.to_dataset(), tmp_path / "a.zarr")
    for name in ("a.nc", "a.zarr"):
        cube = assert_lazy(
            mx.ingest,
            {"grid": {"like": "carbon"},
             "variables": {"carbon": {"path": str(tmp_path / name), "variable": "npp"}}},
        )  # fmt: skip
        np.testing.assert_array_equal(cube["carbon"], values)
        assert cube["carbon"].attrs["units"] == "gC m-2 yr-1"
        assert grid_difference(cube.mine.grid, raster.mine.grid) is None
    with pytest.raises(SchemaError, match=r"no variable 'et'; it has \['npp'"):
        mx.ingest({"grid": {"like": "et"}, "variables": {"et": {"path": str(tmp_path / "a.nc")}}})


def test_a_netcdf_without_reference_system_needs_one(tmp_path):
    raster = with_grid(np.ones(SHAPE, "float32"), name="npp").drop_vars("spatial_ref")
    raster.to_netcdf(tmp_path / "a.nc")
    sources = {"grid": {"like": "npp"}, "variables": {"npp": {"path": str(tmp_path / "a.nc")}}}
    with pytest.raises(GridMismatch, match="add crs"):
        mx.ingest(sources)
    sources["variables"]["npp"]["crs"] = "EPSG:32650"
    assert mx.ingest(sources).mine.grid == with_grid(np.ones(SHAPE)).mine.grid


def test_a_truncated_file_is_found_before_it_is_read(stack):
    path = stack / "ndvi_2002.tif"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"ndvi_2002.tif is truncated.*download it again"):
        mx.ingest(manifest(path=str(stack)))


def test_a_damaged_file_is_named_when_it_is_read(tmp_path):
    big = with_grid(np.random.default_rng(0).integers(0, 255, (600, 600)).astype("uint8"))
    path = write(big, tmp_path / "a_2001.tif", compress="deflate", tiled=True)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = b"\0" * 2000
    path.write_bytes(bytes(content))
    cube = mx.ingest(manifest(path=str(path)))
    with pytest.raises(DataError, match=r"a_2001.tif cannot be read at"):
        cube.compute()


def test_a_duplicate_date_names_both_files(stack):
    write(stored(), stack / "again_2002.tif")
    with pytest.raises(SchemaError, match=r"2002-01-01 stands twice, in .*again_2002.* in .*ndvi"):
        mx.ingest(manifest(path=str(stack)))


def test_another_grid_needs_a_resampling(stack):
    write(stored(origin=(500_015.0, 4_800_000.0)), stack / "shifted.tif")
    sources = manifest(path=str(stack))
    sources["variables"]["dem"] = {"path": str(stack / "shifted.tif"), "static": True}
    sources["variables"]["ndvi"]["path"] = str(stack / "ndvi_*.tif")
    with pytest.raises(GridMismatch, match=r"'dem'.* shifted by 0.5 cells.* name its resampling"):
        mx.ingest(sources)
    sources["variables"]["dem"] |= {"resampling": "bilinear", "units": "m"}
    cube = mx.ingest(sources)
    assert cube["dem"].dims == ("y", "x")
    assert cube["dem"].attrs["units"] == "m"


def test_sources_that_do_not_meet(stack):
    write(stored(origin=(900_000.0, 4_800_000.0)), stack / "far.tif")
    sources = manifest(path=str(stack / "ndvi_*.tif"))
    sources["variables"]["dem"] = {"path": str(stack / "far.tif"), "static": True,
                                   "resampling": "nearest"}  # fmt: skip
    with pytest.raises(GridMismatch, match="does not overlap"):
        mx.ingest(sources)


def test_dates_that_differ_between_variables(stack):
    write(stored(), stack / "lst_2001.tif")
    sources = manifest(path=str(stack / "ndvi_*.tif"), scale=1.0)
    sources["variables"]["lst"] = {"path": str(stack / "lst_*.tif"), "scale": 1.0, "units": "K"}
    with pytest.raises(SchemaError, match=r"'lst' lacks \[2002-01-01, 2004-01-01\].*missing_dates"):
        mx.ingest(sources)
    cube = mx.ingest({**sources, "missing_dates": "nodata"})
    assert cube["lst"].sizes["time"] == 3
    assert np.isnan(cube["lst"][1:]).all()


def test_units_that_contradict_the_file(tmp_path):
    raster = with_grid(np.ones(SHAPE, "float32"), name="npp", units="kgC m-2 yr-1")
    raster.to_netcdf(tmp_path / "a.nc")
    layer = {"path": str(tmp_path / "a.nc"), "units": "gC m-2 yr-1"}
    with pytest.raises(UnitError, match=r"'kgC m-2 yr-1' and the manifest says 'gC m-2 yr-1'"):
        mx.ingest({"grid": {"like": "npp"}, "variables": {"npp": layer}})


def test_unknown_keys_and_wrong_values():
    with pytest.raises(ParameterError) as caught:
        mx.ingest(
            {
                "grid": {"like": "b"},
                "variables": {"a": {"path": "x", "resamplin": "mode"}},
                "kind": 1,
            }
        )
    text = str(caught.value)
    assert "unknown key 'variables.a.resamplin' (did you mean 'resampling'?)" in text
    assert "unknown key 'kind'" in text
    with pytest.raises(ParameterError, match=r"grid.like is 'b', which is no variable"):
        mx.ingest({"grid": {"like": "b"}, "variables": {"a": {"path": "x"}}})
    with pytest.raises(ParameterError, match="give either like, or all of crs"):
        mx.ingest({"grid": {"crs": "EPSG:4326"}, "variables": {"a": {"path": "x"}}})
    with pytest.raises(ParameterError, match="can be neither scaled nor averaged"):
        mx.ingest(manifest(path="x", classes={1: "a"}, scale=2.0))


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"'ndvi': no file at .*none_\*.tif"):
        mx.ingest(manifest(path=str(tmp_path / "none_*.tif")))
    (tmp_path / "a.xyz").write_text("1 2 3")
    with pytest.raises(DataError, match="unknown kind"):
        mx.ingest(manifest(path=str(tmp_path / "a.xyz")))
    (tmp_path / "a_2001.tif").write_text("no raster")
    with pytest.raises(DataError, match="cannot be read"):
        mx.ingest(manifest(path=str(tmp_path / "a_2001.tif")))


def test_a_toml_file_gives_the_base_folder(stack):
    (stack / "m.toml").write_text(
        '[grid]\nlike = "ndvi"\n[variables.ndvi]\npath = "ndvi_*.tif"\nunits = "1"\n'
    )
    assert mx.ingest(stack / "m.toml").sizes["time"] == 3
    (stack / "bad.toml").write_text("[grid\n")
    with pytest.raises(ParameterError, match="not valid TOML"):
        mx.ingest(stack / "bad.toml")
    with pytest.raises(DataError, match="does not exist"):
        mx.ingest(stack / "none.toml")


def test_modis_files_are_decoded(tmp_path):
    values = np.full(SHAPE, 4000, "int16")
    values[0] = 32765
    for year in (2001, 2002):
        name = f"MOD17A3HGF.061_Npp_500m_doy{year}001_aid0001.tif"
        write(with_grid(values), tmp_path / name)
    cube = mx.ingest(
        {"grid": {"like": "npp"},
         "variables": {"npp": {"path": str(tmp_path), "product": "MOD17A3HGF.061"}}}
    )  # fmt: skip
    assert cube["npp"].attrs["units"] == "gC m-2 yr-1"
    assert float(cube["npp"][1, 5, 5]) == pytest.approx(400)
    assert (cube["npp_fill_class"][:, 0] == 5).all()


@pytest.mark.data("recovery_landsat")
def test_a_real_stack_equals_rasterio(data_dir):
    layer = {"path": str(data_dir / "recovery_landsat"), "band": "nir", "units": "1"}
    cube = mx.ingest({"grid": {"like": "nir"}, "variables": {"nir": layer}})
    assert list(pd.DatetimeIndex(cube["time"].values).year) == list(range(2000, 2024))
    with rasterio.open(data_dir / "recovery_landsat" / "2011.tif") as file:
        np.testing.assert_array_equal(cube["nir"].sel(time="2011-01-01"), file.read(4))


@pytest.mark.parametrize("code", [-9999.0, -3.4028235e38, np.nan])
def test_nodata_codes_of_floats_become_nan(code, tmp_path):
    raster = with_grid(np.full(SHAPE, 5.0, "float32"))
    raster[2, 3] = code
    raster.rio.write_nodata(code, inplace=True)
    write(raster, tmp_path / "a_2001.tif")
    found = mx.ingest(manifest(path=str(tmp_path / "a_2001.tif"), units="mm yr-1"))["ndvi"][0]
    assert np.isnan(found[2, 3])
    assert int(np.isnan(found).sum()) == 1


def test_the_files_own_scale_counts_and_the_manifests_replaces_it(tmp_path):
    path = write(stored(), tmp_path / "a_2001.tif")
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (1.0,)
    own = mx.ingest(manifest(path=str(path), units="K"))["ndvi"][0]
    np.testing.assert_allclose(own, stored() * 0.1 + 1, rtol=1e-6)
    other = mx.ingest(manifest(path=str(path), scale=0.5, offset=0.0, units="K"))["ndvi"][0]
    np.testing.assert_allclose(other, stored() * 0.5, rtol=1e-6)


def test_a_stack_gets_one_unit_and_one_nodata_code(tmp_path):
    for year, nodata in ((2001, 0), (2002, 255)):
        raster = with_grid(np.full(SHAPE, 3, "uint8"))
        raster[0] = nodata
        raster.rio.write_nodata(nodata, inplace=True)
        write(raster, tmp_path / f"c_{year}.tif")
    found = mx.ingest(manifest(path=str(tmp_path), resampling="nearest"))["ndvi"]
    assert found.attrs["_FillValue"] == 0
    assert sorted(np.unique(found).tolist()) == [0, 3]
    with pytest.raises(SchemaError, match="nodata code is 255"):
        mx.ingest(manifest(path=str(tmp_path), classes={0: "water", 3: "forest"}))
    for year, units, value in ((2001, "gC m-2", 400.0), (2002, "kgC m-2", 0.4)):
        (tmp_path / "n").mkdir(exist_ok=True)
        path = write(with_grid(np.full(SHAPE, value, "float32")), tmp_path / "n" / f"{year}.tif")
        with rasterio.open(path, "r+") as file:
            file.units = (units,)
    carbon = mx.ingest(manifest(path=str(tmp_path / "n")))["ndvi"]
    np.testing.assert_allclose(carbon, 400, rtol=1e-6)


def test_times_of_netcdf_files(tmp_path):
    raster = with_grid(np.ones((2, *SHAPE), "float32"), name="ndvi")

    def dates(name, source):
        path = tmp_path / f"{name}.nc"
        source.to_netcdf(path)
        return [str(t)[:10] for t in mx.ingest(manifest(path=str(path)))["time"].values]

    assert dates("a", raster.assign_coords(time=[2001, 2005])) == ["2001-01-01", "2005-01-01"]
    calendar = xr.date_range("2001-03-01", periods=2, freq="YS", calendar="noleap", use_cftime=True)
    assert dates("b", raster.assign_coords(time=calendar)) == ["2002-01-01", "2003-01-01"]
    with pytest.raises(SchemaError, match="neither dates nor years"):
        dates("c", raster.assign_coords(time=[0, 1]))
    with pytest.raises(SchemaError, match="time dim without dates"):
        dates("d", raster.drop_vars("time"))


def test_reference_systems_in_the_manifest(tmp_path):
    with rasterio.open(
        tmp_path / "a_2001.tif", "w", driver="GTiff", width=15, height=12, count=1, dtype="uint8",
        transform=rasterio.Affine(30, 0, 500_000, 0, -30, 4_800_000),
    ) as file:  # fmt: skip
        file.write(np.ones((1, *SHAPE), "uint8"))
    with pytest.raises(GridMismatch, match="name it in the manifest"):
        mx.ingest(manifest(path=str(tmp_path / "a_2001.tif")))
    found = mx.ingest(manifest(path=str(tmp_path / "a_2001.tif"), crs="EPSG:32650"))
    assert found.mine.grid == with_grid(np.ones(SHAPE)).mine.grid
    with pytest.raises(ParameterError, match="'EPSG:999999' is no known reference system"):
        mx.ingest(manifest(path="x", crs="EPSG:999999"))


def test_valid_ranges_and_codes_that_the_type_cannot_hold(tmp_path):
    raster = with_grid(np.full(SHAPE, 7, "int16"))
    raster[0, 0], raster[0, 1] = -1, 300
    path = str(write(raster, tmp_path / "a_2001.tif"))
    ranged = mx.ingest(manifest(path=path, valid_range=[0, 100]))["ndvi"][0]
    assert int(np.isnan(ranged).sum()) == 2
    coded = mx.ingest(manifest(path=path, fill_values=[65535], units="K"))["ndvi"][0]
    assert coded[0, 0] == -1
    assert not np.isnan(coded).any()
