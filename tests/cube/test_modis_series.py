"""Yearly MODIS files as a cube: names, generations, layers, and files of another product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube.granules import files_of_layer, latest_generations, parse_granule
from mineeco_xr.cube.modis_series import open_modis
from mineeco_xr.errors import DataError, GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_lazy, with_grid

SHAPE = (5, 6)
TYPES = {"Npp_500m": "int16", "Gpp_500m": "uint16", "ET_500m": "uint16", "PET_500m": "uint16",
         "Npp_QC_500m": "uint8", "ET_QC_500m": "uint8", "LE_500m": "int16"}  # fmt: skip


def write(folder, name, number, dtype=None, **grid):
    granule = parse_granule(name)
    kind = dtype or TYPES[granule.layer]
    values = np.full(SHAPE, number, kind)
    path = Path(folder) / name
    with_grid(values, **grid).rio.to_raster(path)
    return path


def granule(product, layer, year, tile="h26v04", made="2021249132137"):
    return f"{product}.A{year}001.{tile}.061.{made}_{layer}.tif"


def appeears(product, layer, year, long=False):
    return f"{product}.061_{layer}_doy{year}001{'000000' if long else ''}_aid0001.tif"


def test_the_latest_generation_is_kept_by_date_and_tile_and_layer():
    names = [
        granule("MOD17A3HGF", "Npp_500m", 2001, made="2021249132137"),
        granule("MOD17A3HGF", "Npp_500m", 2001, made="2019000000000"),
        granule("MOD17A3HGF", "Npp_500m", 2001, made="2023036002341"),
        granule("MOD17A3HGF", "Npp_QC_500m", 2001, made="2019000000000"),
        granule("MOD17A3HGF", "Npp_500m", 2001, tile="h26v05", made="2019000000000"),
        granule("MOD17A3HGF", "Npp_500m", 2002, made="2019000000000"),
        granule("MOD16A3GF", "ET_500m", 2001, made="2019000000000"),
        appeears("MOD17A3HGF", "Npp_500m", 2001),
        "ndvi_2001.tif",
    ]
    found = latest_generations([Path(name) for name in names])
    assert [path.name for path in found] == names[2:]
    assert found[Path(names[2])] == (names[1], names[0])
    assert not any(found[Path(name)] for name in names[3:])


@settings(max_examples=20)
@given(order=st.permutations(range(6)))
def test_the_order_of_the_files_does_not_matter(order):
    names = [
        granule("MOD17A3HGF", "Npp_500m", year, made=f"202{n}249132137")
        for year in (2001, 2002)
        for n in range(3)
    ]
    found = latest_generations([Path(names[n]) for n in order])
    assert {path.name for path in found} == {names[2], names[5]}


def test_names_of_layers():
    for layer in TYPES:
        for name in (granule("MOD16A3GF", layer, 2001), appeears("MOD16A3GF", layer, 2001, True)):
            assert parse_granule(name).layer == layer
    assert parse_granule("MOD16A3GF.061_500m_aid0001.nc").product == "MOD16A3GF"
    assert parse_granule("ndvi_2001.tif") is None
    paths = [Path(appeears("MOD16A3GF", layer, 2001)) for layer in ("ET_500m", "PET_500m")]
    assert files_of_layer("et", paths, "MOD16A3GF.061", None) == paths[:1]
    assert files_of_layer("pet", paths, "MOD16A3GF", "PET_500m") == paths[1:]
    with pytest.raises(SchemaError, match="none of 2 files is of layer 'ET_QC_500m'"):
        files_of_layer("qc", paths, "MOD16A3GF", "ET_QC_500m")


@pytest.mark.parametrize("name", [granule, appeears])
def test_a_folder_of_both_products_becomes_a_cube(name, tmp_path):
    for year in (2001, 2002):
        write(tmp_path, name("MOD17A3HGF", "Npp_500m", year), 4000 + year)
        write(tmp_path, name("MOD17A3HGF", "Npp_QC_500m", year), 12)
        write(tmp_path, name("MOD16A3GF", "ET_500m", year), 65533)
        write(tmp_path, name("MOD16A3GF", "PET_500m", year), 9000)
        write(tmp_path, name("MOD16A3GF", "LE_500m", year), 1)
    cube = assert_lazy(open_modis, tmp_path)
    assert list(cube) == ["npp", "npp_fill_class", "npp_qc", "et", "et_fill_class", "pet",
                          "pet_fill_class"]  # fmt: skip
    assert cube["npp"][:, 0, 0].values.tolist() == pytest.approx([600.1, 600.2])
    assert (cube["npp_qc"] == 12).all()
    assert cube["npp_qc"].attrs["units"] == "percent"
    assert np.isnan(cube["et"]).all()
    assert (cube["et_fill_class"] == 5).all()
    assert (cube["pet"] == 900).all()
    assert cube.attrs["left_out"] == "LE_500m"
    assert [str(t)[:10] for t in cube.time.values] == ["2001-01-01", "2002-01-01"]
    assert "replaced_generations" not in cube["npp"].attrs
    only = open_modis([str(tmp_path / "MOD17*")], "MOD17A3HGF.061")
    assert set(only) == {"npp", "npp_fill_class", "npp_qc"}


def test_ingest_takes_the_latest_generation_too(tmp_path):
    for made, number in (("2021249132137", 4000), ("2023036002341", 5000), ("2019", 1)):
        write(tmp_path, granule("MOD17A3HGF", "Npp_500m", 2001, made=f"{made:0<13}"), number)
    write(tmp_path, granule("MOD17A3HGF", "Npp_500m", 2002), 6000)
    for year in (2001, 2002):
        write(tmp_path, granule("MOD17A3HGF", "Npp_QC_500m", year), 3)
    layer = {"path": str(tmp_path), "product": "MOD17A3HGF"}
    cube = mx.ingest({"grid": {"like": "npp"}, "variables": {"npp": layer}})
    assert cube["npp"][:, 0, 0].values.tolist() == [500, 600]
    assert cube["npp"].attrs["replaced_generations"].split() == [
        granule("MOD17A3HGF", "Npp_500m", 2001, made="2019000000000"),
        granule("MOD17A3HGF", "Npp_500m", 2001),
    ]
    xr.testing.assert_equal(open_modis(tmp_path)["npp"], cube["npp"])


def test_netcdf_as_appeears_names_its_dims(tmp_path):
    npp = with_grid(np.full((2, *SHAPE), 4000, "int16"))
    ds = xr.Dataset({"Npp_500m": npp.variable, "Npp_QC_500m": npp.variable.astype("uint8") * 0})
    ds = ds.assign_coords(time=npp.time, y=npp.y, x=npp.x).rename(y="ydim", x="xdim")
    ds["crs"] = xr.DataArray(0, attrs={"crs_wkt": npp.spatial_ref.attrs["crs_wkt"]})
    ds["Npp_500m"].attrs = {"grid_mapping": "crs", "scale_factor": 0.0001}
    ds["Npp_500m"].encoding = {}
    ds.to_netcdf(tmp_path / "MOD17A3HGF.061_500m_aid0001.nc")
    found = open_modis(tmp_path / "*.nc")
    assert (found["npp"] == 400).all()
    assert (found["npp_qc"] == 0).all()
    layer = {"path": str(tmp_path / "*.nc"), "product": "MOD17A3HGF"}
    cube = mx.ingest({"grid": {"like": "carbon"}, "variables": {"carbon": layer}})
    xr.testing.assert_equal(cube["carbon"], found["npp"].rename("carbon"))


def test_files_of_another_product_are_refused(tmp_path):
    npp = write(tmp_path, appeears("MOD17A3HGF", "Npp_500m", 2001), 4000)
    layer = {"path": str(npp), "product": "MOD16A3GF"}
    with pytest.raises(SchemaError, match=r"declared as MOD16A3GF, but .* named as MOD17A3HGF"):
        mx.ingest({"grid": {"like": "et"}, "variables": {"et": layer}})
    with pytest.raises(SchemaError, match="product is MOD16A3GF, but"):
        open_modis(npp, "MOD16A3GF")
    renamed = npp.rename(tmp_path / "et_2001.tif")
    with pytest.raises(SchemaError, match="holds int16, but MOD16A3GF ET_500m is stored as uint16"):
        open_modis(renamed, "MOD16A3GF")
    wide = write(tmp_path, appeears("MOD16A3GF", "ET_500m", 2002), 32765, "int32")
    opened = assert_lazy(open_modis, wide)
    with pytest.raises(SchemaError, match=r"\d+ cells of one block from 32765 to 32765"):
        opened.compute()


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize(
    ("product", "number", "fails"),
    [
        ("MOD16A3GF", 32761, True),
        ("MOD16A3GF", 32767, True),
        ("MOD16A3GF", 32760, False),
        ("MOD16A3GF", -1, True),
        ("MOD17A3HGF", 65533, True),
        ("MOD17A3HGF", 32765, False),
        ("MOD17A3HGF", -9999, False),
    ],
)
def test_numbers_of_another_product_fail_when_they_are_read(product, number, fails, dtype):
    stored = with_grid(np.array([[100, number]], dtype))
    if not fails:
        mx.decode_modis(stored, product)
        return
    with pytest.raises(SchemaError, match="fill codes of another product"):
        mx.decode_modis(stored, product)
    own = mx.decode_modis(stored.assign_attrs(_FillValue=number), product)
    assert own[next(iter(own.data_vars))].values[0, 0] == 10


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(ParameterError, match="paths is empty"):
        open_modis([])
    with pytest.raises(DataError, match="no file at"):
        open_modis(tmp_path / "none*.tif")
    (tmp_path / "MOD17A3HGF.A2001001.h26v04.061.2021249132137.hdf").write_text("")
    with pytest.raises(DataError, match="HDF4"):
        open_modis(tmp_path / "*.hdf")
    one = write(tmp_path, appeears("MOD16A3GF", "LE_500m", 2001), 4)
    with pytest.raises(SchemaError, match=r"left out are \['LE_500m'\]"):
        open_modis(one)
    with pytest.raises(ParameterError, match="give product="):
        open_modis(one.rename(tmp_path / "et_2001.tif"))
    with pytest.raises(ParameterError, match="'MOD13Q1' is unknown"):
        open_modis(tmp_path / "et_2001.tif", "MOD13Q1")
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    for tile in ("h26v04", "h26v05"):
        write(tiles, granule("MOD16A3GF", "ET_500m", 2001, tile=tile), 5)
    with pytest.raises(SchemaError, match="stands twice"):
        open_modis(tiles)
    grids = tmp_path / "grids"
    grids.mkdir()
    write(grids, granule("MOD16A3GF", "ET_500m", 2001), 5)
    write(grids, granule("MOD16A3GF", "ET_500m", 2002), 5, resolution=60)
    with pytest.raises(GridMismatch, match="name its resampling"):
        open_modis(grids)
    dates = tmp_path / "dates"
    dates.mkdir()
    write(dates, granule("MOD16A3GF", "ET_500m", 2001), 5)
    write(dates, granule("MOD16A3GF", "PET_500m", 2002), 5)
    with pytest.raises(SchemaError, match="different dates"):
        open_modis(dates)
    assert open_modis(dates, missing_dates="nodata").sizes["time"] == 2
