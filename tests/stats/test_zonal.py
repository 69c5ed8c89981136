"""Zonal statistics against pandas."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import mineeco_xr as mx
from mineeco_xr.errors import GridMismatch, ParameterError, SchemaError
from mineeco_xr.testing import assert_lazy, chunkings, rasters, with_grid

SHAPE = (14, 17)
IDS = np.array([2, 5, 9], dtype="int32")


def zone_raster(seed=0, shape=SHAPE, **grid):
    values = np.random.default_rng(seed).choice(np.array([0, *IDS]), shape).astype("int32")
    return with_grid(values, name="zones", **grid).assign_attrs(flag_values=IDS)


def by_pandas(values, zones, weights=None):
    """Weighted statistics of each zone, in ten lines."""
    frame = pd.DataFrame({"zone": zones.ravel(), "value": values.ravel().astype("float64")})
    frame["weight"] = 1.0 if weights is None else weights.ravel()
    rows = {}
    for zone in IDS:
        cells = frame[frame["zone"] == zone]
        valid = cells.dropna()
        mean = (
            (valid["value"] * valid["weight"]).sum() / valid["weight"].sum()
            if len(valid)
            else np.nan
        )
        spread = ((valid["value"] - mean) ** 2 * valid["weight"]).sum() / max(
            valid["weight"].sum(), 1e-300
        )
        rows[zone] = {
            "count": len(valid), "mean": mean, "median": valid["value"].median(),
            "std": spread**0.5 if len(valid) else np.nan, "min": valid["value"].min(),
            "max": valid["value"].max(), "sum": valid["value"].sum() if len(valid) else np.nan,
            "valid_share": valid["weight"].sum() / cells["weight"].sum() if len(cells) else np.nan,
            "area": cells["weight"].sum(),
        }  # fmt: skip
    return pd.DataFrame(rows).T


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data(), seed=st.integers(0, 99))
def test_equals_pandas_for_any_chunking(dtype, data, seed):
    values = data.draw(rasters(shape=SHAPE, dtype=dtype))
    zones = zone_raster(seed)
    expected = by_pandas(values, zones.values, np.full(SHAPE, 900.0))
    raster = with_grid(values)
    lazy = assert_lazy(
        mx.zonal,
        raster.chunk(data.draw(chunkings(SHAPE))),
        zones.chunk(data.draw(chunkings(SHAPE))),
    )
    for table in (mx.zonal(raster, zones), lazy.compute()):
        for stat in ("count", "min", "max", "median"):
            np.testing.assert_array_equal(table[stat], expected[stat], err_msg=stat)
        for stat in ("mean", "sum", "valid_share", "area"):
            np.testing.assert_allclose(table[stat], expected[stat], rtol=1e-12, err_msg=stat)
        np.testing.assert_allclose(table["std"], expected["std"], rtol=1e-9, atol=1e-9)


def test_area_weights_on_a_geographic_grid():
    values = np.random.default_rng(0).normal(size=SHAPE)
    grid = {"crs": "EPSG:4326", "resolution": 1.0, "origin": (10.0, 70.0)}
    raster, zones = with_grid(values, **grid), zone_raster(**grid)
    weights = np.repeat(mx.cell_area(raster.mine.grid).values[:, None], SHAPE[1], axis=1)
    expected = by_pandas(values, zones.values, weights)
    found = mx.zonal(raster, zones)
    for stat in ("mean", "std", "valid_share", "area"):
        np.testing.assert_allclose(found[stat], expected[stat], rtol=1e-12)
    assert abs(found["mean"] - by_pandas(values, zones.values)["mean"].values).max() > 1e-3


@given(data=st.data())
def test_years(data):
    values = data.draw(rasters(times=4, shape=SHAPE))
    zones = zone_raster()
    chunks = {**data.draw(chunkings(SHAPE)), "time": data.draw(st.integers(1, 4))}
    found = mx.zonal(with_grid(values).chunk(chunks), zones)
    assert found["mean"].dims == ("zone", "time")
    for t in range(4):
        expected = by_pandas(values[t], zones.values)
        np.testing.assert_allclose(found["mean"][:, t], expected["mean"], rtol=1e-12)
        np.testing.assert_array_equal(found["median"][:, t], expected["median"])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_integers_with_a_nodata_code(dtype):
    values = np.random.default_rng(0).integers(0, 9, SHAPE).astype(dtype)
    raster = with_grid(values).assign_attrs(_FillValue=0)
    masked = np.where(values == 0, np.nan, values.astype("float64"))
    expected = by_pandas(masked, zone_raster().values)
    found = mx.zonal(raster, zone_raster())
    for stat in ("count", "median", "min", "max"):
        np.testing.assert_array_equal(found[stat], expected[stat])


def test_polygons_that_overlap_keep_all_their_cells():
    raster = with_grid(np.arange(100.0).reshape(10, 10), resolution=10.0, origin=(0.0, 100.0))
    zones = gpd.GeoDataFrame(
        {"name": ["mine", "dump", "north", "south"]},
        geometry=[shapely.box(0, 0, 100, 100), shapely.box(20, 20, 40, 40),
                  shapely.box(0, 50, 100, 100), shapely.box(0, 0, 100, 50)],
        crs="EPSG:32650",
    )  # fmt: skip
    found = mx.zonal(raster.chunk({"y": 3, "x": 4}), zones, ["count", "sum", "area"], name="name")
    assert found["zone"].values.tolist() == ["mine", "dump", "north", "south"]
    assert found["count"].values.tolist() == [100, 4, 50, 50]
    assert found["sum"].values.tolist() == [4950, 62 + 63 + 72 + 73, 1225, 3725]
    assert found["area"].values.tolist() == [10_000, 400, 5000, 5000]


def test_polygons_in_another_reference_system():
    raster = with_grid(np.ones((40, 40)), resolution=30.0)
    zone = gpd.GeoDataFrame(geometry=[shapely.box(500_300, 4_799_000, 500_900, 4_799_600)],
                            crs="EPSG:32650")  # fmt: skip
    here = mx.zonal(raster, zone, ["count"])["count"].item()
    there = mx.zonal(raster, zone.to_crs(4326), ["count"])["count"].item()
    assert here == 400
    assert there == pytest.approx(400, abs=2)


def test_many_zones():
    rng = np.random.default_rng(0)
    zones = with_grid(rng.integers(0, 3000, (200, 300)).astype("int32"), name="zones")
    raster = with_grid(rng.normal(size=(200, 300)).astype("float32"))
    found = mx.zonal(raster.chunk({"y": 70, "x": 90}), zones, ["mean", "median"])
    frame = pd.DataFrame({"z": zones.values.ravel(), "v": raster.values.ravel().astype(float)})
    frame = frame[frame["z"] > 0].groupby("z")["v"]
    np.testing.assert_allclose(found["mean"], frame.mean(), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found["median"], frame.median())


def test_an_empty_zone_has_a_count_of_zero_and_no_value():
    raster = with_grid(np.full(SHAPE, np.nan, "float32"))
    found = mx.zonal(raster, zone_raster())
    assert (found["count"] == 0).all()
    assert (found["valid_share"] == 0).all()
    for stat in ("mean", "median", "std", "min", "max", "sum"):
        assert np.isnan(found[stat]).all(), stat


def test_units_and_names():
    raster = with_grid(np.ones(SHAPE), name="npp", units="gC m-2 yr-1")
    found = mx.zonal(raster, zone_raster().assign_attrs(flag_meanings="north south west"))
    assert found["zone"].values.tolist() == ["north", "south", "west"]
    assert found["mean"].attrs["units"] == "gC m-2 yr-1"
    assert found["area"].attrs["units"] == "m2"
    assert found["count"].attrs["units"] == "1"


def test_bad_zones():
    raster = with_grid(np.ones(SHAPE))
    outside = gpd.GeoDataFrame(
        {"name": ["far"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32650"
    )
    with pytest.raises(GridMismatch, match=r"zones \['far'\] lie outside the grid"):
        mx.zonal(raster, outside, name="name")
    with pytest.raises(GridMismatch, match="no reference system"):
        mx.zonal(raster, outside.set_crs(None, allow_override=True))
    with pytest.raises(SchemaError, match="no column 'label'"):
        mx.zonal(raster, outside, name="label")
    twice = pd.concat([outside, outside])
    with pytest.raises(SchemaError, match="not unique"):
        mx.zonal(raster, twice, name="name")
    with pytest.raises(SchemaError, match="empty"):
        mx.zonal(raster, outside.iloc[:0])
    with pytest.raises(GridMismatch, match="shifted"):
        mx.zonal(raster, zone_raster(origin=(500_015.0, 4_800_000.0)))
    with pytest.raises(SchemaError, match="holds integers"):
        mx.zonal(raster, with_grid(np.ones(SHAPE), name="zones"))
    with pytest.raises(SchemaError, match="no zone"):
        mx.zonal(raster, with_grid(np.zeros(SHAPE, "int32")))
    with pytest.raises(ParameterError, match=r"\['mode'\]"):
        mx.zonal(raster, zone_raster(), ["mode"])


@pytest.mark.parametrize("stats", [["mean"], ["median"], ["mean", "median"]])
@pytest.mark.parametrize("overlapping", [1, 3])
def test_few_blocks_are_alive_at_a_time(stats, overlapping):
    import gc
    import weakref

    import dask
    import dask.array as da

    alive, most = set(), [0]

    def load(block, block_id=None):
        values = np.random.default_rng(0).random(block.shape)
        alive.add(block_id)
        most[0] = max(most[0], len(alive))
        weakref.finalize(values, alive.discard, block_id)
        return values

    base = with_grid(np.zeros((64, 64)))
    lazy = da.map_blocks(load, base.chunk(8).data, dtype="f8", meta=np.empty((0, 0)))
    boxes = [shapely.box(*base.mine.grid.boundingbox).buffer(-30 * i) for i in range(overlapping)]
    zones = gpd.GeoDataFrame(geometry=boxes, crs="EPSG:32650")
    table = mx.zonal(base.copy(data=lazy), zones, stats)
    gc.collect()
    with dask.config.set(scheduler="synchronous"):
        table.compute()
    assert most[0] <= 20, "64 blocks in all"


def test_zones_without_geometry_or_name_are_named():
    raster = with_grid(np.ones(SHAPE))
    box = shapely.box(*raster.mine.grid.boundingbox)
    holes = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[box, None], crs="EPSG:32650")
    with pytest.raises(SchemaError, match=r"rows \[1\] have no geometry"):
        mx.zonal(raster, holes)
    nameless = gpd.GeoDataFrame({"name": ["a", None]}, geometry=[box, box], crs="EPSG:32650")
    with pytest.raises(SchemaError, match="empty names"):
        mx.zonal(raster, nameless, name="name")


@pytest.mark.parametrize("dtype", ["bool", "float16"])
def test_narrow_types(dtype):
    values = np.random.default_rng(0).integers(0, 2, SHAPE).astype(dtype)
    expected = by_pandas(values.astype("float64"), zone_raster().values)
    found = mx.zonal(with_grid(values), zone_raster(), ["mean", "median"])
    np.testing.assert_allclose(found["mean"], expected["mean"])
    np.testing.assert_array_equal(found["median"], expected["median"])
