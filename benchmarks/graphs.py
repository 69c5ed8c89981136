"""Tasks and seconds to build the graph of each public function on a big lazy cube."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import table

SIDE, YEARS, CHUNK = 10_000, 24, 512
CORNER = (400_000.0, 4_900_000.0)


def big_cube() -> xr.Dataset:
    """Return a lazy cube of 24 years and 10,000 cells a side, chunked as it is stored."""
    left, top = CORNER
    bounds = (left, top - SIDE * 30, left + SIDE * 30, top)
    grid = mx.make_grid(bounds, crs="EPSG:32650", resolution=30)
    coords = {
        "time": pd.date_range("2001-01-01", periods=YEARS, freq="YS"),
        **mx.cube.grid_coords(grid),
    }

    def layer(name: str, units: str) -> xr.DataArray:
        data = da.zeros((YEARS, SIDE, SIDE), chunks=(YEARS, CHUNK, CHUNK), dtype="float32")
        return xr.DataArray(
            data, dims=("time", "y", "x"), coords=coords, name=name, attrs={"units": units}
        )

    units = {"npp": "gC m-2 yr-1", "et": "mm yr-1", "red": "1", "nir": "1", "blue": "1"}
    return xr.Dataset({name: layer(name, unit) for name, unit in units.items()})


def zones(count: int = 100) -> gpd.GeoDataFrame:
    """Return circles all over the cube."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.1, 0.9, (count, 2)) * SIDE * 30
    circles = [shapely.Point(CORNER[0] + x, CORNER[1] - y).buffer(3000) for x, y in points]
    return gpd.GeoDataFrame(geometry=circles, crs="EPSG:32650")


def functions(cube: xr.Dataset) -> dict[str, Callable[[], Any]]:
    """Return each public function of rasters as a call without arguments."""
    npp, one = cube["npp"], cube["npp"].isel(time=0, drop=True).assign_attrs(units="m")
    codes = one.astype("uint8").assign_attrs(_FillValue=np.uint8(255))
    coarse = mx.make_grid(
        (CORNER[0], CORNER[1] - SIDE * 30, CORNER[0] + SIDE * 30, CORNER[1]),
        crs="EPSG:32650",
        resolution=463.3,
    )
    fine = mx.make_grid((116.0, 42.5, 118.0, 44.0), crs="EPSG:4326", resolution=0.00027)
    few = ["count", "mean", "std", "min", "max", "sum", "valid_share", "area"]
    return {
        "wue": lambda: mx.wue(npp, cube["et"]),
        "indices (3)": lambda: mx.indices(cube, ["NDVI", "EVI", "SAVI"]),
        "trend": lambda: mx.trend(npp),
        "variation": lambda: mx.variation(npp),
        "zonal, 100 zones, 8 statistics": lambda: mx.zonal(npp, zones(), few),
        "zonal, 100 zones, median": lambda: mx.zonal(npp, zones(), ["median"]),
        "wue_zonal": lambda: mx.wue_zonal(npp, cube["et"], zones()),
        "warp average to 463 m": lambda: mx.warp(one, coarse, resampling="average"),
        "warp nearest to degrees": lambda: mx.warp(one, fine, resampling="nearest"),
        "decode_modis": lambda: mx.decode_modis(npp.drop_attrs(deep=False), "MOD17A3HGF"),
        "convert_units": lambda: mx.convert_units(npp, "kgC m-2 yr-1"),
        "burn": lambda: mx.burn(zones(), cube),
        "coalfield cube": lambda: mx.coalfield(SIDE).cube,
        "normalise": lambda: mx.normalise(one),
        "classify, natural breaks": lambda: mx.classify(one),
        "classify, quantiles": lambda: mx.classify(one, "quantile"),
        "hot_spots, 150 m, fdr": lambda: mx.hot_spots(one, 150.0, correction="fdr"),
        "pca_weights": lambda: mx.pca_weights(cube.isel(time=0)),
        "distance": lambda: mx.distance(one),
        "allocation": lambda: mx.allocation(one),
        "decay, 10 km": lambda: mx.decay(one, 10_000.0),
        "label": lambda: mx.label(one > 0),
        "fill_pits": lambda: mx.fill_pits(one),
        "slope": lambda: mx.slope(one),
        "flow_direction": lambda: mx.flow_direction(one),
        "flow_accumulation": lambda: mx.flow_accumulation(codes),
        "basins": lambda: mx.basins(codes),
        "downstream_distance": lambda: mx.downstream_distance(codes, codes == 0),
        "write_cube (tasks only)": lambda: xr.Dataset({"wue": mx.wue(npp, cube["et"])}),
    }


def main() -> None:
    """Build each once and count."""
    cube = big_cube()
    blocks = (-(-SIDE // CHUNK)) ** 2
    rows = []
    for name, call in functions(cube).items():
        begin = time.perf_counter()
        found = call()
        built = time.perf_counter() - begin
        begin = time.perf_counter()
        (optimised,) = dask.optimize(found)
        seconds = time.perf_counter() - begin
        tasks = len(dict(optimised.__dask_graph__()))
        rows.append(
            {
                "function": name,
                "build (s)": built,
                "optimise (s)": seconds,
                "tasks": len(dict(found.__dask_graph__())),
                "tasks, optimised": tasks,
                "a block": tasks / blocks,
            }
        )
    table(f"graphs on {YEARS} x {SIDE} x {SIDE}, {blocks} blocks of {CHUNK}", rows)


if __name__ == "__main__":
    main()
