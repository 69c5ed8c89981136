"""Sediment over years: layers with and without dates, numbers for each date, and what is refused.

Also that work is not repeated where a flow that divides is routed in strips.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.services import sediment_flow
from mineeco_xr.terrain import multiple
from mineeco_xr.testing import assert_lazy, with_grid

TABLE = pd.DataFrame({"lucode": [1, 2], "usle_c": [0.02, 0.3], "usle_p": [1.0, 0.6]})
SHAPE = (12, 14)
YEARS = [2001, 2005, 2009]


def layers(shape=SHAPE, seed=0):
    """Land use without nodata, so that all years share one terrain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    return (
        with_grid(200 - 3.0 * columns - rows + rng.normal(0, 4, shape), name="dem", units="m"),
        with_grid(rng.choice([1, 2], shape).astype("uint8"), name="lulc"),
        with_grid(rng.uniform(800, 2000, shape).astype("f4"), name="r",
                  units="MJ mm ha-1 h-1 yr-1"),
        with_grid(rng.uniform(0.01, 0.05, shape).astype("f4"), name="k",
                  units="t ha h MJ-1 ha-1 mm-1"),
    )  # fmt: skip


def years_of(layer):
    """The layer in three years, rolled so that they differ."""
    rolled = [layer.copy(data=np.roll(layer.values, n, 1)) for n in range(len(YEARS))]
    return xr.concat(rolled, "time").assign_coords(time=YEARS).assign_attrs(layer.attrs)


RAIN = xr.DataArray(
    [900.0, 1200, 700], dims="time", coords={"time": YEARS}, attrs={"units": "MJ mm ha-1 h-1 yr-1"}
)


def assert_years_alone(made, of_year):
    made = made.compute()
    for n, year in enumerate(YEARS):
        single = of_year(n).compute()
        for name in single.data_vars:
            found = made[name]
            assert found.dims in {("y", "x"), ("time", "y", "x")}, (name, found.dims)
            found = found.sel(time=year) if "time" in found.dims else found
            np.testing.assert_allclose(found, single[name], rtol=2e-6, err_msg=name)


@pytest.mark.parametrize("method", ["d8", "mfd"])
@pytest.mark.parametrize("chunks", [None, 1, 3])
def test_years_that_share_a_terrain(method, chunks):
    dem, lulc, r, k = layers()
    years = years_of(lulc)
    options = {"biophysical": TABLE, "threshold": 8, "method": method}
    if chunks is None:
        made = mx.sediment(dem, years, r, k, **options)
    else:
        cut = (dem.chunk({"y": 5, "x": 6}), years.chunk({"time": chunks, "y": 7, "x": 4}), r, k)
        made = assert_lazy(mx.sediment, *cut, **options)
    assert made["usle"].dims == ("time", "y", "x")
    assert made["streams"].dims == ("y", "x")
    assert_years_alone(
        made, lambda n: mx.sediment(dem, years.isel(time=n, drop=True), r, k, **options)
    )


@pytest.mark.parametrize("name", ["erosivity", "usle_c", "usle_p"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_number_for_each_date(name, lazy):
    dem, lulc, r, k = layers()
    series = RAIN if name == "erosivity" else (RAIN / 2000).drop_attrs()
    given = {"dem": dem, "lulc": lulc, "erosivity": r, "erodibility": k}
    if lazy:
        given = {key: layer.chunk({"y": 5, "x": 6}) for key, layer in given.items()}
    options = {"biophysical": TABLE, "threshold": 8, "method": "d8"}
    made = mx.sediment(**{**given, name: series}, **options)
    assert made["streams"].dims == ("y", "x")
    assert_years_alone(made, lambda n: mx.sediment(**{**given, name: float(series[n])}, **options))


def test_dates_that_do_not_match_are_refused_at_once():
    cut = [layer.chunk(6) for layer in layers()]
    options = {"biophysical": TABLE, "threshold": 8}
    years = years_of(cut[1].compute()).chunk(6)
    with pytest.raises(SchemaError, match=r"'erosivity' lacks \[2009\]"):
        mx.sediment(cut[0], years, RAIN.assign_coords(time=[2001, 2005, 2010]), cut[3], **options)
    with pytest.raises(ParameterError, match=r"\['time', 'year'\]"):
        mx.sediment(cut[0], years, RAIN.rename(time="year"), cut[3], **options)


def test_numbers_that_are_none_are_refused_at_once():
    found = [layer.chunk(6) for layer in layers()]
    for change in ({"threshold": "8"}, {"threshold": np.nan}, {"l_max": None}):
        with pytest.raises(ParameterError, match=next(iter(change))):
            mx.sediment(*found, TABLE, **{"threshold": 8, **change})


def test_infinite_rain_is_refused_before_it_turns_into_nodata():
    dem, lulc, r, k = layers()
    r[3, 4] = np.inf
    with pytest.raises(ParameterError, match="erosivity has 1 cells"):
        mx.sediment(dem, lulc, r, k, TABLE, threshold=8)


def test_a_watershed_outside_the_grid_is_refused_at_once():
    found = [layer.chunk(6) for layer in layers()]
    left, bottom, right, top = mx.cube.geobox_of(found[0]).boundingbox.bbox
    boxes = [shapely.box(left + step, bottom, right + step, top) for step in (0, 1e5)]
    basins = gpd.GeoDataFrame({"ws_id": [4, 9]}, geometry=boxes, crs="EPSG:32650")
    with pytest.raises(GridMismatch, match=r"watersheds of rows \['1'\] lie outside"):
        mx.sediment(*found, TABLE, threshold=8, watersheds=basins)
    with pytest.raises(SchemaError, match="watersheds are DataArray"):
        mx.sediment(*found, TABLE, threshold=8, watersheds=found[1])
    made = mx.sediment(*found, TABLE, threshold=8, watersheds=basins[:1])
    assert "biophysical='table', watersheds='table'" in made.attrs["history"]


@pytest.mark.parametrize("method", ["d8", "mfd"])
def test_drains_that_are_a_mask_or_have_0_as_nodata(method):
    found = layers()
    drains = xr.zeros_like(found[1])
    drains[6, 6] = 1
    options = {"biophysical": TABLE, "threshold": 8, "method": method}
    wanted = mx.sediment(*found, drainage=drains, **options)
    assert wanted["usle"].notnull().sum() > 50
    for same in (drains.assign_attrs(_FillValue=0), drains == 1):
        xr.testing.assert_equal(mx.sediment(*found, drainage=same, **options), wanted)


def test_a_ratio_that_vanishes_gives_no_warning():
    made = mx.sediment(*layers(), TABLE, threshold=8, borselli_k=0.01)
    assert float(made["sdr"].min()) == 0


def test_strips_check_and_route_the_terrain_once(monkeypatch):
    monkeypatch.setattr(multiple, "fits_in_memory", lambda *_: False)
    calls = []
    real = sediment_flow._mask_block

    def counted(*blocks, **options):
        calls.append(1)
        return real(*blocks, **options)

    monkeypatch.setattr(sediment_flow, "_mask_block", counted)
    found = layers((24, 24))
    wanted = mx.sediment(*found, TABLE, threshold=8)
    calls.clear()
    made = mx.sediment(*(layer.chunk(6) for layer in found), TABLE, threshold=8)
    np.testing.assert_allclose(made["sediment_export"], wanted["sediment_export"], rtol=2e-6)
    # Filling takes three passes; strips of 16 blocks that each did would come to thousands.
    assert 16 <= len(calls) <= 5 * 16
