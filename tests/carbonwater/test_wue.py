"""Water-use efficiency."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, MineecoWarning, ParameterError, SchemaError, UnitError
from mineeco_xr.testing import assert_chunk_invariant, chunkings, rasters, with_grid

SHAPE = (9, 11)


def pair(carbon, water, npp="gC m-2 yr-1", et="mm yr-1"):
    return (with_grid(np.asarray(carbon), name="npp", units=npp),
            with_grid(np.asarray(water), name="et", units=et))  # fmt: skip


@given(npp=rasters(times=3, shape=SHAPE), et=rasters(times=3, shape=SHAPE), data=st.data())
def test_any_chunking_gives_the_same_bits(npp, et, data):
    layers = pair(npp * 5, et * 4)
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.integers(1, 3))}
    assert_chunk_invariant(mx.wue, *layers, chunks=chunks)
    assert_chunk_invariant(mx.wue, *layers, chunks=chunks, over="time")


def test_the_ratio_and_its_limits():
    npp, et = pair(
        [[500.0, 500.0, 500.0, -1.0, np.nan, 500.0]], [[400.0, 0.0, 19.9, 400, 400, np.nan]]
    )
    np.testing.assert_array_equal(mx.wue(npp, et)[0], [1.25] + [np.nan] * 5)
    assert mx.wue(npp, et, et_min=10)[0, 2] == pytest.approx(500 / 19.9)
    assert mx.wue(npp, et, npp_min=-5)[0, 3] == -1 / 400


@pytest.mark.parametrize(
    ("npp_units", "et_units", "factor"),
    [
        ("gC m-2 yr-1", "mm yr-1", 1),
        ("kgC m-2 yr-1", "kg m-2 yr-1", 1000),
        ("gC m-2 season-1", "mm season-1", 1),
        ("tC ha-1 yr-1", "cm yr-1", 10),
        ("gC m-2", "mm", 1),
        ("gC m-2 yr-1", "mm d-1", 1 / 365.25),
    ],
)
def test_units_are_converted(npp_units, et_units, factor):
    npp, et = pair([[300.0]], [[600.0]], npp_units, et_units)
    found = mx.wue(npp, et, et_min=1e-3)
    assert found.item() == pytest.approx(0.5 * factor, rel=1e-12)
    assert found.attrs["units"] == "gC m-2 mm-1"


@pytest.mark.parametrize(
    ("npp_units", "et_units"),
    [("g m-2 yr-1", "mm yr-1"), ("gC m-2 yr-1", "K"), ("gC m-2 season-1", "mm yr-1"),
     ("gC m-2", "mm yr-1"), ("gC m-2 yr-1", "blah")],
)  # fmt: skip
def test_wrong_units_are_refused(npp_units, et_units):
    with pytest.raises(UnitError, match="WUE needs carbon per area"):
        mx.wue(*pair([[300.0]], [[600.0]], npp_units, et_units))


def test_carbon_in_kilograms_is_never_taken_for_grams():
    grams = mx.wue(*pair([[400.0]], [[500.0]]))
    kilograms = mx.wue(*pair([[0.4]], [[500.0]], npp="kgC m-2 yr-1"))
    assert kilograms.item() == pytest.approx(grams.item(), rel=1e-12)


def test_missing_units_are_said():
    npp, et = pair([[300.0]], [[600.0]])
    with pytest.warns(MineecoWarning, match="'npp' has no units: taken as 'gC m-2 yr-1'"):
        assert mx.wue(npp.drop_attrs(deep=False), et).item() == 0.5


def test_a_period_is_a_ratio_of_sums():
    npp, et = pair([[[100.0]], [[400.0]], [[np.nan]]], [[[50.0]], [[800.0]], [[700.0]]])
    assert mx.wue(npp, et, over="time").item() == pytest.approx(500 / 850)
    assert float(mx.wue(npp, et).mean()) == pytest.approx((2 + 0.5) / 2)
    loss, water = pair([[[-300.0]], [[100.0]]], [[[50.0]], [[50.0]]])
    assert mx.wue(loss, water, over="time", npp_min=-500).item() == -2


def test_zones_are_a_ratio_of_sums_by_name():
    npp, et = pair([[[100.0, 400.0, np.nan]]], [[[50.0, 800.0, 300.0]]])
    zone = gpd.GeoDataFrame({"name": ["all"]}, geometry=[shapely.box(*npp.mine.grid.boundingbox)],
                            crs="EPSG:32650")  # fmt: skip
    sums = mx.wue_zonal(npp, et, zone, name="name")
    assert sums["wue"].item() == pytest.approx(500 / 850)
    assert sums["npp"].item() == 250
    assert sums["count"].item() == 2
    assert sums["valid_share"].item() == pytest.approx(2 / 3)
    means = mx.wue_zonal(npp, et, zone, how="mean_of_ratios")
    assert means["wue"].item() == pytest.approx(1.25)
    with pytest.raises(ParameterError, match="ratio_of_sums"):
        mx.wue_zonal(npp, et, zone, how="median")


def test_bad_layers():
    npp, et = pair(np.ones((2, 3, 4)), np.ones((2, 3, 4)))
    with pytest.raises(GridMismatch, match="'et' is shifted"):
        mx.wue(npp, et.assign_coords(x=et["x"] + 15))
    with pytest.raises(GridMismatch, match="has CRS EPSG:32651"):
        mx.wue(npp, with_grid(et.values, crs="EPSG:32651", name="et", units="mm yr-1"))
    with pytest.raises(SchemaError, match=r"'et' lacks \[2002-01-01\]"):
        mx.wue(npp, et.isel(time=[0]))
    with pytest.raises(ParameterError, match="must be positive"):
        mx.wue(npp, et, et_min=0)
    with pytest.raises(ParameterError, match="over is 'year'"):
        mx.wue(npp, et, over="year")


def test_all_nodata_stays_nodata():
    npp, et = pair(np.full((2, 3, 4), np.nan, "float32"), np.ones((2, 3, 4), "float32"))
    assert np.isnan(mx.wue(npp, et)).all()


def test_how_it_was_made_is_written_down():
    import json

    found = mx.wue(*pair([[300.0]], [[600.0]]), et_min=30)
    record = json.loads(found.attrs["mineeco"])
    assert record["function"] == "wue"
    assert record["parameters"]["et_min"] == 30
    assert set(record["inputs"]) == {"npp", "et"}
    assert "wue(npp, et" in found.attrs["history"]


@pytest.mark.data("xinavane")
def test_real_seasons(data_dir):
    path = next((data_dir / "xinavane").glob("*.nc"))
    ds = xr.open_dataset(path, chunks={})
    lazy = ds.mine.wue(et="aeti")
    assert lazy.chunks is not None
    expected = ds["npp"].values / ds["aeti"].values
    np.testing.assert_array_equal(lazy.values, expected)
    assert 0.5 < float(lazy.mean()) < 3


def test_layers_of_one_name_are_still_compared():
    npp, et = pair(np.ones((3, 4)), np.ones((3, 4)))
    other = with_grid(et.values, crs="EPSG:32651", name="d", units="mm yr-1")
    with pytest.raises(GridMismatch, match="'et' has CRS EPSG:32651"):
        mx.wue(npp.rename("d"), other)


def test_coordinates_may_differ_by_rounding():
    npp, et = pair(np.full((3, 4), 300.0), np.full((3, 4), 600.0))
    moved = et.assign_coords(x=et["x"] + 5e-10)
    for layers in ((npp, moved), (npp.chunk({"x": 2}), moved.chunk({"y": 2}))):
        assert (mx.wue(*layers) == 0.5).all()


def test_stored_codes_never_become_numbers():
    codes = np.array([[400, 65535]], "uint16")
    npp = with_grid(codes, name="npp", units="gC m-2 yr-1").assign_attrs(_FillValue=65535)
    et = with_grid(np.array([[500, 500]], "uint16"), name="et", units="mm yr-1")
    np.testing.assert_allclose(mx.wue(npp, et), [[0.8, np.nan]])
    series = np.arange(12, dtype="int16")[:, None, None] + np.zeros((1, 1, 1), "int16")
    series[3] = -9999
    raster = with_grid(series, units="kgC m-2").assign_attrs(_FillValue=-9999)
    assert mx.trend(raster)["n"].item() == 11
    assert mx.trend(raster)["slope"].item() == 1
    assert mx.variation(raster).item() == pytest.approx(0.57, abs=0.1)
    converted = mx.convert_units(raster, "gC m-2")
    assert np.isnan(converted[3]).all()
    assert converted[4].item() == 4000
