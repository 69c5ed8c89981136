"""Filling, slope and flow: ours, pygeoprocessing (the routing of InVEST) and xarray-spatial.

``--metres`` rounds the elevations to whole metres, which makes plateaus and ties.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table
from mineeco_xr.testing import with_grid

CHUNK, GAP = 1000, -9999.0
D8_GAP = 128
"""What pygeoprocessing writes where there is no direction."""


def rough_terrain(side: int, metres: bool) -> xr.DataArray:
    """Return hills with noise, and a hole without data."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    hills = gaussian_filter(rng.normal(size=(side, side)), 20) * 2000
    z = hills + gaussian_filter(rng.normal(size=(side, side)), 1) * 5 + np.linspace(0, 300, side)
    z = (np.round(z) if metres else z).astype("float32")
    rows, columns = np.ogrid[:side, :side]
    z[(rows - side / 3) ** 2 + (columns - side / 2) ** 2 < (side / 20) ** 2] = np.nan
    return with_grid(z, name="dem", units="m")


class Files:
    """Rasters as GeoTIFF, which is what pygeoprocessing works on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        """Return the path of a raster."""
        return str(self.folder / f"{name}.tif")

    def write(self, name: str, values: np.ndarray) -> None:
        """Write elevations as pygeoprocessing likes them: tiled, with a number for nodata."""
        from osgeo import gdal

        gdal.UseExceptions()
        height, width = values.shape
        options = ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "BIGTIFF=YES"]
        driver = gdal.GetDriverByName("GTiff")
        raster = driver.Create(self.path(name), width, height, 1, gdal.GDT_Float32, options)
        raster.SetGeoTransform((500_000.0, 30.0, 0.0, 4_800_000.0, 0.0, -30.0))
        band = raster.GetRasterBand(1)
        band.SetNoDataValue(GAP)
        band.WriteArray(np.where(np.isnan(values), GAP, values))
        raster.FlushCache()

    def read(self, name: str) -> np.ndarray:
        """Read a raster."""
        from osgeo import gdal

        return gdal.Open(self.path(name)).ReadAsArray()


def invest(dem: np.ndarray, filled: np.ndarray) -> dict[str, tuple[float, np.ndarray]] | None:
    """Return seconds and results of pygeoprocessing, or None where it is not installed."""
    try:
        import pygeoprocessing
        from pygeoprocessing import routing
    except ImportError:
        return None
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        files.write("dem", dem)
        files.write("filled", filled)
        source, level = (files.path("dem"), 1), (files.path("filled"), 1)
        steps: dict[str, Callable[[str], Any]] = {
            "fill_pits": lambda to: routing.fill_pits(source, to, working_dir=folder),
            "slope": lambda to: pygeoprocessing.calculate_slope(level, to),
            "d8": lambda to: routing.flow_dir_d8(level, to, working_dir=folder),
            "mfd": lambda to: routing.flow_dir_mfd(level, to, working_dir=folder),
        }
        for name, step in steps.items():
            begin = time.perf_counter()
            step(files.path(name))
            found[name] = (time.perf_counter() - begin, files.read(name))
    return found


def other_cells(name: str, ours: np.ndarray, theirs: np.ndarray) -> int:
    """Return how many cells differ, nodata counting as equal."""
    if name == "mfd":
        return int((ours != theirs.astype("int64").astype("uint32")).sum())
    if name == "d8":
        return int((ours != np.where(theirs == D8_GAP, 255, theirs)).sum())
    gaps = np.isnan(ours) & (theirs < GAP + 1)
    return int(((ours != theirs) & ~gaps).sum())


def xarray_spatial_fill(dem: xr.DataArray) -> float | None:
    """Return the seconds of xarray-spatial's filling on Dask."""
    try:
        from xrspatial.hydro import fill_d8
    except ImportError:
        return None
    plain = xr.DataArray(dem.values, dims=("y", "x")).chunk(CHUNK)
    begin = time.perf_counter()
    fill_d8(plain).compute()
    return time.perf_counter() - begin


def main() -> None:
    """Compare on a rough terrain."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--metres", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    side = given.side
    dem = rough_terrain(side, given.metres)
    filled = mx.fill_pits(dem).assign_attrs(units="m")
    jobs: dict[str, tuple[xr.DataArray, Callable[[xr.DataArray], xr.DataArray]]] = {
        "fill_pits": (dem, mx.fill_pits),
        "slope": (filled, mx.slope),
        "d8": (filled, mx.flow_direction),
        "d8 invest": (filled, lambda z: mx.flow_direction(z, convention="invest")),
        "mfd": (filled, lambda z: mx.flow_direction(z, "mfd")),
    }
    peers = invest(dem.values, filled.values)
    bandwidth, to_ns = copy_bandwidth(2), 1e9 / side**2
    rows = []
    for name, (source, job) in jobs.items():
        lazy = source.chunk(CHUNK)
        whole = best_of(lambda job=job, source=source: job(source).values, given.repeats)
        with peak_memory() as memory:
            chunked = best_of(lambda job=job, lazy=lazy: job(lazy).values, given.repeats)
        begin = time.perf_counter()
        built = job(lazy)
        building = time.perf_counter() - begin
        row: dict[str, Any] = {
            "step": name,
            "ours, 1 thread (ns/cell)": whole * to_ns,
            "chunks, 2 threads": chunked * to_ns,
            "pygeoprocessing": "missing",
            "ratio": "",
            "other cells": "",
            "of copy": side**2 * 8 / chunked / bandwidth,
            "peak MiB": memory.total / 2**20,
            "tasks": len(built.__dask_graph__()),
            "graph (s)": building,
        }
        if peers is not None:
            whose = name.split()[0]
            seconds, values = peers[whose]
            row["pygeoprocessing"], row["ratio"] = seconds * to_ns, seconds / whole
            row["other cells"] = other_cells(whose, job(source).values, values)
        rows.append(row)
    kind = "whole metres" if given.metres else "rough"
    raised = float((filled > dem).mean())
    table(f"terrain, {side} x {side}, {kind}, {raised:.0%} of cells raised", rows)
    peer = xarray_spatial_fill(dem)
    if peer is None:
        print("xarray-spatial with hydrology is not installed: no comparison on Dask")
    else:
        ratio = peer * to_ns / rows[0]["chunks, 2 threads"]
        print(f"fill on Dask: xarray-spatial {peer * to_ns:.4g} ns/cell, ratio {ratio:.3g}")


if __name__ == "__main__":
    main()
