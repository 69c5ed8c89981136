"""Checks and results of services are two passes: no block is held from one to the other."""

from __future__ import annotations

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import mineeco_xr as mx
from mineeco_xr.testing import with_grid

SHAPE = (12, 10)
BLOCKS = 3 * 2
TABLE = pd.DataFrame(
    {
        "lucode": [1, 2],
        **{name: [1, 2] for name in ("c_above", "c_below", "c_soil", "c_dead", "demand")},
        **{name: [1, 0.5] for name in ("kc", "lulc_veg", "habitat", "mine")},
        "root_depth": [500, 900],
    }
)
THREATS = pd.DataFrame({"threat": ["mine"], "max_dist": [90], "weight": [1], "decay": ["linear"]})
RASTERS = {800: "mm yr-1", 900: "mm yr-1", 700: "mm"}


def counted(values, reads, units=None):
    """Return a raster that counts the blocks read, of a source that no other step is fused with."""

    def read(block):
        reads.append(1)
        return block

    raster = with_grid(values, name="lulc", units=units)
    source = da.map_blocks(
        read, da.from_array(values, chunks=(4, 5)), dtype=values.dtype, meta=values[:0, :0]
    )
    pieces = [source[rows] for rows in (slice(0, 6), slice(6, 12))]
    return raster.copy(data=da.concatenate(pieces).rechunk((6, 5)))


def habitat(lulc, units_of):
    mine = with_grid((np.arange(120).reshape(SHAPE) % 11 == 0).astype("uint8")).chunk(5)
    options = {"threat_table": THREATS, "sensitivity": TABLE}
    return mx.habitat_quality(lulc, {"mine": mine}, **options)["degradation"]


def storage(lulc, units_of):
    return mx.carbon(lulc, TABLE)["carbon_storage"]


def water(lulc, units_of):
    # Of other numbers each: equal ones would be one source.
    layers = [units_of(np.full(SHAPE, n, "f4"), units) for n, units in RASTERS.items()]
    share = units_of(np.full(SHAPE, 0.3, "f4"), "1")
    return mx.water_yield(lulc, *layers, share, seasonality=5, biophysical=TABLE)["water_yield"]


def consumption(lulc, units_of):
    depth = with_grid(np.full(SHAPE, 300, "f4"), units="mm yr-1")
    box = shapely.box(*lulc.odc.geobox.extent.boundingbox)
    basin = gpd.GeoDataFrame({"ws_id": [1]}, geometry=[box], crs="EPSG:32650")
    result = xr.Dataset(dict.fromkeys(("water_yield", "aet", "pet"), depth))
    return mx.water_yield_totals(result, basin, lulc=lulc, demand=TABLE)["consumption"]


@pytest.mark.parametrize("service", [habitat, storage, water, consumption])
def test_what_is_checked_is_read_again_and_not_held(service):
    reads: list[int] = []
    values = (np.arange(120).reshape(SHAPE) % 2 + 1).astype("uint8")
    lulc = counted(values, reads)
    lulc.compute()
    alone, layers = len(reads), []
    assert alone >= BLOCKS
    reads.clear()

    def units_of(numbers, units):
        layers.append(units)
        return counted(numbers, reads, units)

    with dask.config.set(scheduler="synchronous"):
        found = service(lulc, units_of).compute()
    assert np.isfinite(found).all()
    assert len(reads) == 2 * alone * (1 + len(layers))
