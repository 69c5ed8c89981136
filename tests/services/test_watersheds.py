"""Watersheds: ids, areas, means and totals, scarcity and hydropower."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import DataError, GridMismatch, ParameterError, SchemaError
from mineeco_xr.services import read_watersheds, water_yield_totals
from mineeco_xr.services.watersheds import polygon_area, zone_tables, zone_totals
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, with_grid

SHAPE = (10, 12)
ORIGIN = (500_000.0, 4_800_000.0)
CLASSES = [1, 2, 9]
DEMAND = pd.DataFrame({"lucode": [1, 2], "demand": [1.5, 20]})
VALUATION = pd.DataFrame(
    {
        "ws_id": [7, 3],
        "time_span": [10, 20],
        "discount": [60, 5],
        "efficiency": [0.7, 0.8],
        "fraction": [0.9, 0.7],
        "cost": [100, 200],
        "height": [12, 50],
        "kw_price": [15, 20],
    }
)


def box(left, bottom, right, top):
    """Return a polygon in cells, from the upper left corner."""
    x, y = ORIGIN
    return shapely.box(x + 30 * left, y - 30 * bottom, x + 30 * right, y - 30 * top)


def basins(**columns):
    shapes = [box(0, 6, 5, 0), box(4, 10, 12, 3)]
    return gpd.GeoDataFrame(columns or {"ws_id": [3, 7]}, geometry=shapes, crs="EPSG:32650")


WINDOWS = [(slice(0, 6), slice(0, 5)), (slice(3, 10), slice(4, 12))]


def balance(seed=0, times=None):
    rng = np.random.default_rng(seed)
    shape = SHAPE if times is None else (times, *SHAPE)
    made = {}
    for name in ("water_yield", "aet", "pet"):
        values = rng.uniform(0, 900, shape).astype("f4")
        values[rng.random(shape) < 0.2] = np.nan
        made[name] = with_grid(values, name=name, units="mm yr-1")
    made["lulc"] = with_grid(rng.choice(CLASSES, SHAPE).astype("u1")).assign_attrs(_FillValue=9)
    return xr.Dataset(made)


@pytest.mark.parametrize("suffix", ["shp", "gpkg", "geojson"])
def test_files_and_frames(tmp_path, suffix):
    path = tmp_path / f"basins.{suffix}"
    basins(WS_ID=[3.0, 7.0]).to_file(path)
    for source in (path, str(path)):
        found = read_watersheds(source, "ws_id")
        assert found["ws_id"].tolist() == [3, 7]
        assert found["ws_id"].dtype == np.int64
    frame = basins(ws_id=["north", "south"])
    assert read_watersheds(frame, "ws_id")["ws_id"].tolist() == ["north", "south"]
    assert read_watersheds(frame.drop(columns="ws_id")).crs == frame.crs
    both = read_watersheds(basins(ws_id=[3, 7], WS_ID=[1, 1]), "ws_id")
    assert both["ws_id"].tolist() == [3, 7]


def test_bad_watersheds(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_watersheds(tmp_path / "absent.shp")
    (tmp_path / "noise.shp").write_bytes(b"no shapefile")
    with pytest.raises(DataError, match="cannot be read"):
        read_watersheds(tmp_path / "noise.shp")
    frame = basins()
    with pytest.raises(GridMismatch, match="no reference system"):
        read_watersheds(frame.set_crs(None, allow_override=True))
    with pytest.raises(SchemaError, match="are empty"):
        read_watersheds(frame[:0])
    with pytest.raises(SchemaError, match=r"no column 'subws_id'; there are \['ws_id'\]"):
        read_watersheds(frame, "subws_id")
    with pytest.raises(SchemaError, match=r"two polygons of ws_id \[3\]"):
        read_watersheds(basins(ws_id=[3, 3]), "ws_id")
    with pytest.raises(SchemaError, match=r"lack an id in 'ws_id' in rows \[1\]"):
        read_watersheds(basins(ws_id=[3, None]), "ws_id")
    lines = frame.set_geometry(frame.boundary)
    for wrong in (lines, frame.set_geometry([frame.geometry[0], None])):
        with pytest.raises(SchemaError, match="something other than polygons in rows"):
            read_watersheds(wrong)


def test_areas():
    frame = basins()
    np.testing.assert_allclose(polygon_area(frame), [30 * 900, 56 * 900])
    feet = frame.to_crs("EPSG:2263")  # of the state of New York, in feet
    assert polygon_area(feet) == pytest.approx(np.array(feet.area) * (1200 / 3937) ** 2, rel=1e-6)
    degrees = gpd.GeoDataFrame(geometry=[shapely.box(100, 30, 101, 31)], crs="EPSG:4326")
    cell = xr.DataArray(
        np.ones((1, 1)), dims=("y", "x"),
        coords=mx.cube.grid_coords(mx.make_grid((100, 30, 101, 31), crs="EPSG:4326", resolution=1)),
    )  # fmt: skip
    assert polygon_area(degrees)[0] == pytest.approx(float(cell.mine.cell_area()[0]), rel=1e-4)


def test_means_and_totals_by_zone():
    result = balance()
    layers = {"aet": result["aet"], "export": result["pet"].assign_attrs(units="t ha-1 yr-1")}
    means = {k: t["mean"] for k, t in zone_tables(layers, basins(), ["mean"], name="ws_id").items()}
    totals = zone_totals(layers, basins(), name="ws_id")
    for name, layer in layers.items():
        parts = [layer.values[window].astype("f8") for window in WINDOWS]
        np.testing.assert_allclose(means[name], [np.nanmean(part) for part in parts], rtol=1e-12)
        expected = [np.nansum(part) * 0.09 for part in parts]
        np.testing.assert_allclose(totals[name], expected, rtol=1e-12)
    assert totals["export"].attrs["units"] == "t yr-1"
    assert means["aet"].attrs["units"] == "mm yr-1"
    empty = zone_totals({"export": layers["export"].where(False)}, basins(), name="ws_id")
    assert empty["export"].isnull().all()
    zones = with_grid(np.ones(SHAPE, "i4"))
    assert zone_totals(layers, zones)["zone"].values.tolist() == [1]


@pytest.mark.parametrize("chunks", [None, {"y": 3, "x": 5}])
def test_layers_together_are_as_each_alone(chunks):
    result = balance()[["aet", "pet"]]
    result = result if chunks is None else result.chunk(chunks)
    stats = ["mean", "count", "valid_share", "area", "sum"]
    layers = {"aet": result["aet"], "other": result["pet"].assign_attrs(units="t", long_name="x")}
    both = zone_tables(layers, basins(), stats, name="ws_id")
    for name, layer in layers.items():
        alone = mx.zonal(layer, basins(), stats, name="ws_id")
        for stat in stats:
            np.testing.assert_array_equal(both[name][stat], alone[stat])
            assert both[name][stat].attrs == alone[stat].attrs, (name, stat)
    mixed = {**layers, "wide": layers["other"].astype("f8")}
    assert set(zone_tables(mixed, basins(), ["mean"])) == {"aet", "other", "wide"}


def test_yield_and_scarcity_written_out():
    result = balance()
    rain = (result["water_yield"] + result["aet"]).assign_attrs(units="mm")
    found = water_yield_totals(
        result, basins(), demand=DEMAND, valuation=VALUATION, precipitation=rain
    )
    demand = np.select([result["lulc"] == 1, result["lulc"] == 2], [1.5, 20.0], 0)
    for i, (zone, window) in enumerate(zip([3, 7], WINDOWS, strict=True)):
        row = found.sel(zone=zone)
        values = result["water_yield"].values[window].astype("f8")
        mean = np.nanmean(values)
        volume = mean * [30, 56][i] * 900 / 1000
        assert row["water_yield"].item() == pytest.approx(mean, rel=1e-12)
        assert row["count"].item() == np.isfinite(values).sum()
        assert row["valid_share"].item() == pytest.approx(np.isfinite(values).mean())
        assert row["polygon_area"].item() == pytest.approx([30, 56][i] * 900)
        assert row["water_yield_volume"].item() == pytest.approx(volume)
        assert row["precipitation"].item() == pytest.approx(np.nanmean(rain.values[window]))
        assert row["consumption"].item() == pytest.approx(demand[window].sum())
        supply = volume - demand[window].sum()
        assert row["realised_supply"].item() == pytest.approx(supply)
        station = VALUATION.set_index("ws_id").loc[zone]
        energy = station.efficiency * station.fraction * station.height * supply * 0.00272
        assert row["energy"].item() == pytest.approx(energy)
        years = sum((1 + station.discount / 100) ** -t for t in range(int(station.time_span)))
        value = (station.kw_price * energy - station.cost) * years
        assert row["net_present_value"].item() == pytest.approx(value)
    units = {name: found[name].attrs["units"] for name in ("water_yield_volume", "energy")}
    assert units == {"water_yield_volume": "m3 yr-1", "energy": "kWh yr-1"}
    assert list(found.dims) == ["zone"]


def test_values_of_invests_own_test():
    """Of ``test_compute_watershed_valuation``: supplies of 940 and 730 m3."""
    depth = with_grid(np.full((1, 2), np.nan, "f8"), units="mm yr-1", resolution=100)
    depth[0] = [99, 80]
    result = xr.Dataset(dict.fromkeys(("water_yield", "aet", "pet"), depth))
    x, y = ORIGIN
    frame = gpd.GeoDataFrame(
        {"ws_id": [0, 1]}, crs="EPSG:32650",
        geometry=[shapely.box(x + 100 * i, y - 100, x + 100 * i + 100, y) for i in (0, 1)],
    )  # fmt: skip
    stations = pd.DataFrame(
        {"efficiency": [0.7, 0.8], "height": [12, 50], "fraction": [0.9, 0.7],
         "discount": [60, 20], "time_span": [10, 10], "cost": [100, 200], "kw_price": [15, 20],
         "ws_id": [0, 1]}
    )  # fmt: skip
    demand = pd.DataFrame({"lucode": [1, 2], "demand": [50, 70]})
    lulc = with_grid(np.array([[1, 2]], "u1"), resolution=100)
    found = water_yield_totals(result, frame, lulc=lulc, demand=demand, valuation=stations)
    np.testing.assert_allclose(found["realised_supply"], [940, 730], rtol=1e-12)
    np.testing.assert_allclose(found["energy"], [19.329408, 55.5968], rtol=1e-12)
    expected = [501.9029748723, 4587.91946857059]
    np.testing.assert_allclose(found["net_present_value"], expected, rtol=1e-12)


def test_a_discount_of_zero():
    stations = VALUATION.assign(discount=0)
    choices = {"demand": DEMAND, "valuation": stations}
    found = water_yield_totals(balance(), basins(), **choices)
    cash = found["energy"] * [20, 15] - [200, 100]
    np.testing.assert_allclose(found["net_present_value"], cash * [20, 10])
    theirs = water_yield_totals(balance(), basins(), **choices, convention="invest")
    np.testing.assert_array_equal(theirs["net_present_value"], [0, 0])
    near = water_yield_totals(
        balance(), basins(), demand=DEMAND, valuation=stations.assign(discount=1e-7)
    )
    np.testing.assert_allclose(near["net_present_value"], found["net_present_value"], rtol=1e-6)


def test_years_and_laziness():
    result = balance(times=3)
    lazy = result.chunk({"time": 1, "y": 4})
    found = assert_lazy(water_yield_totals, lazy, basins(), demand=DEMAND, valuation=VALUATION)
    assert found["energy"].dims == ("zone", "time")
    found = found.compute()
    alone = water_yield_totals(result.isel(time=1), basins(), demand=DEMAND, valuation=VALUATION)
    for name in alone.data_vars:
        mine = found[name].isel(time=1) if "time" in found[name].dims else found[name]
        np.testing.assert_allclose(mine, alone[name], rtol=1e-12)
    other = {"time": result["time"] + np.timedelta64(1, "D")}
    for options in ({"lulc": result["lulc"].expand_dims(other, axis=0), "demand": DEMAND},
                    {"precipitation": result["aet"].assign_coords(other)}):  # fmt: skip
        with pytest.raises(SchemaError, match="different dates along 'time'"):
            water_yield_totals(result, basins(), **options)


@settings(max_examples=8)
@given(data=st.data(), seed=st.integers(0, 99))
def test_any_chunking_gives_the_same(data, seed):
    result = balance(seed)
    layers = [result[name] for name in ("water_yield", "aet", "pet", "lulc")]

    def of(*arrays):
        cube = xr.Dataset({layer.name: layer for layer in arrays})
        return water_yield_totals(cube, basins(), demand=DEMAND)

    named = [layer.rename(name) for layer, name in zip(layers, result, strict=True)]
    chunks = data.draw(chunkings(SHAPE, most=3))
    assert_chunk_invariant(of, *named, chunks=chunks, relative=1e-12)


def test_as_a_method_and_from_a_file(tmp_path):
    basins().to_file(tmp_path / "basins.shp")
    DEMAND.to_csv(tmp_path / "demand.csv", index=False)
    result = balance()
    found = result.mine.water_yield_totals(tmp_path / "basins.shp", demand=tmp_path / "demand.csv")
    expected = water_yield_totals(result, basins(), demand=DEMAND)
    xr.testing.assert_allclose(found, expected)
    assert "demand.csv" in found.attrs["history"]
    renamed = water_yield_totals(result, basins(subws_id=[5, 6]), name="subws_id")
    assert renamed["zone"].values.tolist() == [5, 6]


def test_bad_input():
    result = balance()
    away = basins()
    away.geometry = away.translate(1e5)
    with pytest.raises(GridMismatch, match=r"zones \['3', '7'\] lie outside the grid"):
        water_yield_totals(result, away)
    with pytest.raises(SchemaError, match=r"the result has no \['aet'\]"):
        water_yield_totals(result.drop_vars("aet"), basins())
    with pytest.raises(ParameterError, match="give the land use, lulc="):
        water_yield_totals(result.drop_vars("lulc"), basins(), demand=DEMAND)
    with pytest.raises(ParameterError, match="valuation needs what is consumed"):
        water_yield_totals(result, basins(), valuation=VALUATION)
    with pytest.raises(ParameterError, match="convention 'old'"):
        water_yield_totals(result, basins(), convention="old")
    with pytest.raises(SchemaError, match=r"no row of ws_id \[7\]"):
        water_yield_totals(result, basins(), demand=DEMAND, valuation=VALUATION[1:])
    with pytest.raises(ParameterError, match=r"efficiency of ws_id 7 is 70; expected 0 to 1"):
        water_yield_totals(
            result, basins(), demand=DEMAND, valuation=VALUATION.assign(efficiency=70)
        )
    with pytest.raises(SchemaError, match=r"the demand table has no column \['demand'\]"):
        water_yield_totals(result, basins(), demand=DEMAND[["lucode"]])
    with pytest.raises(SchemaError, match=r"without a row in the demand table: 2 \("):
        water_yield_totals(result, basins(), demand=DEMAND[:1])
    shifted = result["lulc"].assign_coords(x=result["x"] + 15)
    with pytest.raises(GridMismatch, match="'lulc' is shifted"):
        water_yield_totals(result, basins(), lulc=shifted, demand=DEMAND)
