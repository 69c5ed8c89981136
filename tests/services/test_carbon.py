"""Carbon against InVEST's own test values, sums written out, and itself in other chunks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.cube import cell_area, geobox_of
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError, UnitError
from mineeco_xr.services import carbon, carbon_sequestration, carbon_totals, carbon_value
from mineeco_xr.testing import assert_chunk_invariant, assert_lazy, chunkings, rasters, with_grid

SHAPE = (7, 9)
POOLS = pd.DataFrame(
    {
        "C_above": [15, 5, 2.3],
        "C_below": [10, 3, 1.1],
        "C_soil": [60, 20, 5.7],
        "C_dead": [1, 0, 0.2],
        "lucode": [1, 2, 3],
        "LULC_Name": ["lulc code 1", "lulc code 2", "lulc code 3"],
    }
)
NAMES = ["c_above", "c_below", "c_soil", "c_dead"]


def land_use(seed, times=None, dtype="uint8"):
    shape = SHAPE if times is None else (times, *SHAPE)
    values = np.random.default_rng(seed).choice([1, 2, 3, 9], shape).astype(dtype)
    return with_grid(values, name="lulc").assign_attrs(_FillValue=9)


def stocks(raster, names=NAMES):
    """Return the float32 sum of the pools, added in their order."""
    total = np.zeros(raster.shape, "f4")
    for name in names:
        by_code = np.full(10, np.nan, "f4")
        by_code[[1, 2, 3]] = POOLS[name.capitalize()].to_numpy("f4")
        total = by_code[raster.values.astype(int)] + total
    return total


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32"])
def test_the_sum_of_the_pools(dtype):
    raster = land_use(1, dtype=dtype)
    found = carbon(raster, POOLS)
    np.testing.assert_array_equal(found["carbon_storage"], stocks(raster))
    for name in NAMES:
        np.testing.assert_array_equal(found[name], stocks(raster, [name]))
        assert found[name].attrs["units"] == "tC ha-1"
    assert found["carbon_storage"].dtype == np.float32
    assert found["carbon_storage"].isnull().sum() == (raster == 9).sum()
    assert "_FillValue" not in found["carbon_storage"].attrs


def test_values_of_invests_own_tests():
    """Of ``test_carbon_full`` and ``test_carbon_zero_rates``: per cell of 1 m2, 1e-4 ha."""
    pools = POOLS.assign(
        C_above=[15, 5, 2], C_below=[10, 3, 1], C_soil=[60, 20, 5], C_dead=[1, 0, 0]
    )
    maps = [with_grid(np.full((2, 2), c, "i4")).assign_attrs(_FillValue=-1) for c in (1, 2, 3)]
    now, future, redd = (carbon(m, pools)["carbon_storage"] for m in maps)
    expected = ((future, -58, -0.3422078, -0.2494), (redd, -78, -0.4602106, -0.3354))
    for other, change, npv, flat in expected:
        moved = carbon_sequestration(now, other)
        np.testing.assert_array_equal(moved, np.full((2, 2), change, "f4"))
        value = carbon_value(moved, price=43, years=14, discount_rate=-7.1, price_change=2.8)
        np.testing.assert_allclose(value / 1e4, npv, rtol=0, atol=1e-6)
        value = carbon_value(moved, price=43.0, years=14, discount_rate=0)
        np.testing.assert_allclose(value / 1e4, flat, rtol=0, atol=1e-6)


def test_the_value_of_a_tonne():
    change = with_grid(np.ones((1, 1)), units="tC ha-1")
    found = carbon_value(change, price=50, years=2, discount_rate=50, price_change=5)
    assert found.item() == pytest.approx(40.87302, abs=5e-6)  # of InVEST's test
    series = sum((1 / (1.07 * 1.02)) ** t for t in range(12))
    found = carbon_value(change, price=30, years=12, discount_rate=7, price_change=2)
    assert found.item() == pytest.approx(30 / 12 * series, rel=1e-12)
    limit = carbon_value(change, price=30, years=12, discount_rate=25, price_change=-20)
    assert limit.item() == pytest.approx(30, rel=1e-12)
    assert found.attrs["units"] == "CNY ha-1"


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), data=st.data(), dtype=st.sampled_from(["uint8", "int32"]))
def test_any_chunking_gives_the_same_bits(seed, data, dtype):
    raster = land_use(seed, dtype=dtype)
    if data.draw(st.booleans()):
        raster[data.draw(st.sampled_from([slice(0, 3), slice(None)]))] = 9
    chunks = data.draw(chunkings(SHAPE))
    assert_chunk_invariant(carbon, raster, chunks=chunks, pools=POOLS)


@settings(max_examples=10)
@given(values=rasters(shape=SHAPE), seed=st.integers(0, 99), data=st.data())
def test_pools_from_rasters_and_numbers(values, seed, data):
    raster, soil = land_use(seed), with_grid(np.abs(values), units="tC ha-1")

    def of(lulc, c_soil):
        return carbon(lulc, POOLS.drop(columns="C_dead"), c_soil=c_soil, c_dead=0.5)

    assert_chunk_invariant(of, raster, soil, chunks=data.draw(chunkings(SHAPE)))
    found = of(raster, soil)
    first = stocks(raster, NAMES[:2])
    np.testing.assert_array_equal(found["carbon_storage"], (first + soil.values) + np.float32(0.5))
    np.testing.assert_array_equal(found["c_soil"].isnull(), np.isnan(values) | (raster == 9))


def test_units_of_rasters():
    raster = with_grid(np.ones((1, 2), "uint8"))
    zero = {"c_above": 0, "c_below": 0, "c_dead": 0}
    for units, number in (("tC ha-1", 60), ("Mg ha-1", 60), ("kgC m-2", 6), ("g/m2", 6000)):
        soil = with_grid(np.full((1, 2), number, "f4"), units=units)
        found = carbon(raster, c_soil=soil, **zero)["carbon_storage"]
        np.testing.assert_allclose(found, 60, rtol=1e-6)
    with pytest.raises(UnitError, match="'c_soil'"):
        carbon(raster, c_soil=with_grid(np.ones((1, 2)), units="mm"), **zero)


def test_years_of_land_use_give_years_of_carbon():
    maps = land_use(3, times=4)
    found = assert_lazy(carbon, maps.chunk({"time": 1, "y": 4}), POOLS)
    assert found["carbon_storage"].dims == ("time", "y", "x")
    np.testing.assert_array_equal(found["carbon_storage"], stocks(maps))
    series = assert_lazy(carbon_totals, found)["carbon_storage"]
    assert series.dims == ("time",)
    expected = np.nansum(stocks(maps), axis=(1, 2), dtype="f8") * 0.09
    np.testing.assert_allclose(series, expected, rtol=1e-12)
    first, last = found["carbon_storage"].isel(time=0), found["carbon_storage"].isel(time=-1)
    rate = assert_lazy(carbon_sequestration, first, last, years="time")
    np.testing.assert_allclose(rate, (stocks(maps[3]) - stocks(maps[0])) / 3, rtol=1e-6)
    assert rate.attrs["units"] == "tC ha-1 yr-1"
    assert "time" not in rate.coords
    against = carbon_sequestration(first.drop_vars("time"), found["carbon_storage"])
    np.testing.assert_array_equal(against, stocks(maps) - stocks(maps[0]))
    assert against.dims == ("time", "y", "x")
    back = carbon_sequestration(found["carbon_storage"], first.drop_vars("time"))
    np.testing.assert_array_equal(back, -against)


def test_one_lazy_pool_makes_all_lazy():
    soil = with_grid(np.ones(SHAPE, "f4"), units="tC ha-1")
    found = assert_lazy(lambda: carbon(land_use(3), POOLS, c_soil=soil.chunk(4)))
    assert all(layer.chunks is not None for layer in found.values())
    xr.testing.assert_equal(found.compute(), carbon(land_use(3), POOLS, c_soil=soil))


def test_the_date_is_that_of_the_land_use():
    maps = land_use(3, times=2)
    soil = with_grid(np.ones((2, *SHAPE), "f4"), name="soil", units="tC ha-1")
    for c_soil in (soil[1], soil[1].drop_vars("time")):
        found = carbon(maps[0], POOLS, c_soil=c_soil)
        assert found["time"].values == maps["time"].values[0]
    rate = carbon_sequestration(
        *(soil.rename(time="year").assign_coords(year=[1990, 2000])[i] for i in (0, 1)),
        years="time",
    )
    assert rate.attrs["units"] == "tC ha-1 yr-1"
    assert "year" not in rate.coords


@settings(max_examples=15)
@given(values=rasters(shape=SHAPE), other=rasters(shape=SHAPE), data=st.data())
def test_change_and_value_in_any_chunking(values, other, data):
    before, after = (with_grid(v, name="carbon_storage", units="tC ha-1") for v in (values, other))
    chunks = data.draw(chunkings(SHAPE))
    assert_chunk_invariant(carbon_sequestration, before, after, chunks=chunks, years=7)
    change = carbon_sequestration(before, after)
    np.testing.assert_array_equal(change, other - values)
    assert_chunk_invariant(
        carbon_value, change, chunks=chunks, price=20.0, years=7, discount_rate=3.0
    )
    assert_chunk_invariant(carbon_totals, change, chunks=chunks, relative=1e-12)


def test_invest_loses_a_change_of_its_nodata():
    before = with_grid(np.array([[3, 3, 3, np.nan]], "f4"), units="tC ha-1")
    after = with_grid(np.array([[2, 2.00002, 5, 1]], "f4"), units="tC ha-1")
    found = carbon_sequestration(before, after)
    np.testing.assert_array_equal(found.isnull(), [[False, False, False, True]])
    theirs = carbon_sequestration(before, after, convention="invest")
    np.testing.assert_array_equal(theirs.isnull(), [[True, False, False, True]])
    np.testing.assert_array_equal(theirs[0, 1:], found[0, 1:])


def test_totals_of_the_raster_and_of_zones():
    raster = land_use(5)
    storage = carbon(raster, POOLS)
    whole = carbon_totals(storage)
    assert whole["carbon_storage"].attrs["units"] == "tC"
    assert set(whole) == {"carbon_storage", *NAMES}
    assert whole["carbon_storage"].item() == pytest.approx(np.nansum(stocks(raster)) * 0.09)
    zones = with_grid(np.repeat([[1, 2, 5]], 7, axis=0).repeat(3, axis=1).astype("i4"))
    found = carbon_totals(storage, zones)
    assert found["zone"].values.tolist() == [1, 2, 5]
    for name in storage:
        assert found[name].sum().item() == pytest.approx(whole[name].item(), rel=1e-12)
    expected = np.nansum(stocks(raster)[:, 3:6]) * 0.09
    assert found["carbon_storage"].sel(zone=2).item() == pytest.approx(expected, rel=1e-6)
    none = carbon_totals(storage["c_soil"].where(False).assign_attrs(units="tC ha-1"))
    assert np.isnan(none["c_soil"].item())


def test_totals_count_the_true_area_of_cells():
    storage = with_grid(
        np.full((3, 4), 10.0),
        crs="EPSG:4326",
        resolution=1.0,
        origin=(100.0, 60.0),
        units="tC ha-1",
    )
    expected = float(cell_area(geobox_of(storage)).sum()) * 4 * 10 / 1e4
    assert carbon_totals(storage)["layer"].item() == pytest.approx(expected, rel=1e-12)
    zones = xr.full_like(storage, 1, dtype="int32").assign_attrs(flag_values=[1])
    assert carbon_totals(storage, zones)["layer"].item() == pytest.approx(expected, rel=1e-12)


def test_as_methods():
    raster = land_use(7)
    cube = xr.Dataset({"lulc": raster, "cover": raster})
    expected = carbon(raster, POOLS)["carbon_storage"]
    np.testing.assert_array_equal(cube.mine.carbon(POOLS)["carbon_storage"], expected)
    np.testing.assert_array_equal(cube.mine.carbon(POOLS, lulc="cover")["carbon_storage"], expected)
    change = expected.mine.carbon_sequestration(expected * 2)
    value = change.mine.carbon_value(price=2.0, years=1, discount_rate=5)
    np.testing.assert_array_equal(value, expected * 2)
    total = value.mine.carbon_totals()["carbon_value"]
    assert total.attrs["units"] == "CNY"
    assert mx.carbon is carbon


def test_bad_input(tmp_path):
    raster = land_use(0)
    with pytest.raises(SchemaError, match=r"carbon pools has no column \['c_dead'\]"):
        carbon(raster, POOLS.drop(columns="C_dead"))
    with pytest.raises(SchemaError, match=r"two rows of lucode \[2\]"):
        carbon(raster, pd.concat([POOLS, POOLS[1:2]]))
    with pytest.raises(ParameterError, match="c_soil of class 2 is -1"):
        carbon(raster, POOLS.assign(C_soil=[1, -1, 1]))
    with pytest.raises(ParameterError, match="c_dead is -2"):
        carbon(raster, POOLS, c_dead=-2)
    with pytest.raises(
        SchemaError, match=r"nothing in place of \['c_above', 'c_below', 'c_soil'\]"
    ):
        carbon(raster, c_dead=0)
    shifted = with_grid(np.ones(SHAPE), origin=(500_015, 4_800_000), units="tC ha-1")
    with pytest.raises(GridMismatch, match=r"is shifted by 0\.5 cells"):
        carbon(raster, POOLS, c_soil=shifted)
    storage = carbon(raster, POOLS)["carbon_storage"]
    with pytest.raises(GridMismatch, match="'after' is shifted"):
        carbon_sequestration(storage, shifted)
    series = carbon(land_use(0, times=2), POOLS)["carbon_storage"]
    with pytest.raises(ParameterError, match="after is of 2001-01-01 and before of 2002-01-01"):
        carbon_sequestration(series[1], series[0])
    with pytest.raises(ParameterError, match="years is 0"):
        carbon_sequestration(storage, storage, years=0)
    with pytest.raises(SchemaError, match="one date as a scalar"):
        carbon_sequestration(storage, storage, years="time")
    with pytest.raises(ParameterError, match="convention 'old'"):
        carbon_sequestration(storage, storage, convention="old")
    with pytest.raises(SchemaError, match="different dates"):
        carbon_sequestration(series, series.assign_coords(time=series["time"] + 1))
    years = series.rename(time="year").assign_coords(year=[1990, 2000])
    with pytest.raises(ParameterError, match="after is of 1990 and before of 2000"):
        carbon_sequestration(years[1], years[0])
    with pytest.raises(SchemaError, match="different dates along 'year'"):
        carbon_sequestration(years, years.assign_coords(year=[1990, 2001]))
    with pytest.raises(SchemaError, match="different dates along 'year'"):
        carbon(land_use(0, times=2).rename(time="year"), POOLS, c_soil=years)
    rate = carbon_sequestration(storage, storage, years=5)
    with pytest.raises(UnitError, match="'change'"):
        carbon_value(rate, price=1, years=5, discount_rate=1)
    change = carbon_sequestration(storage, storage)
    with pytest.raises(ParameterError, match="discount_rate is -100"):
        carbon_value(change, price=1, years=5, discount_rate=-100)
    for price in (np.nan, "40"):
        with pytest.raises(ParameterError, match=r"price is .*; expected a number"):
            carbon_value(change, price=price, years=5, discount_rate=1)
    with pytest.raises(ParameterError, match="years is -1"):
        carbon_value(change, price=1, years=-1, discount_rate=1)
    with pytest.raises(SchemaError, match="no raster"):
        carbon_totals(xr.Dataset())


def test_bad_cells_are_found_when_computed():
    raster = land_use(0)
    raster[0, :3] = 77
    with pytest.raises(SchemaError, match=r"77 \(3 cells\)"):
        assert_lazy(carbon, raster.chunk(2), POOLS)["c_above"].compute()
    soil = with_grid(np.full(SHAPE, -9999.0), units="tC ha-1").chunk(3)
    found = assert_lazy(carbon, land_use(0).chunk(3), POOLS, c_soil=soil)
    with pytest.raises(ParameterError, match="c_soil has 63 cells"):
        found["carbon_storage"].compute()
