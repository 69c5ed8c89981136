"""Flow accumulation: ours, richdem, pyflwdir, xarray-spatial and pygeoprocessing."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table
from benchmarks.peers.terrain import rough_terrain

Row = dict[str, Any]
ESRI = np.array([1, 128, 64, 32, 16, 8, 4, 2], dtype="uint8")
"""The peers' codes of our directions."""


def main() -> None:
    """Compare one receiver in memory and on Dask, and several receivers in memory and in rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4000, help="cells a side of the raster")
    parser.add_argument("--chunk", type=int, default=1000, help="cells a side of a chunk")
    options = parser.parse_args()
    side, chunk = options.side, options.chunk
    filled = mx.fill_pits(rough_terrain(side, metres=False))
    title = f"{side} x {side} cells, chunks of {chunk}"
    table(f"one receiver (D8), {title}", one_receiver(filled, chunk))
    table(f"several receivers (MFD), {title}", several_receivers(filled, chunk))


def per_cell(what: str, seconds: float, cells: int) -> list[Row]:
    """Return a time as seconds and as nanoseconds a cell."""
    return [
        {"what": f"{what} (s)", "value": seconds},
        {"what": f"{what} (ns a cell)", "value": seconds / cells * 1e9},
    ]


def tiled(what: str, direction: xr.DataArray, chunk: int) -> tuple[float, list[Row]]:
    """Measure our accumulation on Dask, and its graph."""
    begin = time.perf_counter()
    built = mx.flow_accumulation(direction.chunk(chunk))
    building = time.perf_counter() - begin
    with peak_memory() as memory:
        seconds = best_of(lambda: mx.flow_accumulation(direction.chunk(chunk)).compute(), 2)
    # Two reads of the directions and one write of sums.
    moved = direction.size * (2 * direction.dtype.itemsize + 8)
    return seconds, [
        *per_cell(what, seconds, direction.size),
        {"what": "share of copy bandwidth", "value": moved / seconds / copy_bandwidth(2)},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
        {"what": "tasks", "value": len(built.__dask_graph__())},
        {"what": "building the graph (s)", "value": building},
    ]


def one_receiver(filled: xr.DataArray, chunk: int) -> list[Row]:
    """Measure D8."""
    direction = mx.flow_direction(filled, method="d8").compute()
    sums = mx.flow_accumulation(direction)
    memory = best_of(lambda: mx.flow_accumulation(direction))
    seconds, rows = tiled("ours, Dask threads", direction, chunk)
    same = np.array_equal(
        mx.flow_accumulation(direction.chunk(chunk)).values, sums.values, equal_nan=True
    )
    return [
        *per_cell("ours, in memory", memory, direction.size),
        *rows,
        {"what": "equal bits in memory and on Dask", "value": str(same)},
        *_richdem(filled, memory),
        *_pyflwdir(direction, sums, memory),
        *_xarray_spatial(direction, sums, chunk, seconds),
    ]


def _richdem(filled: xr.DataArray, mine: float) -> list[Row]:
    try:
        import richdem
    except ImportError:
        return [{"what": "richdem is not installed", "value": "-"}]
    dem = richdem.rdarray(np.where(np.isnan(filled), -9999, filled), no_data=-9999)
    their = best_of(lambda: richdem.FlowAccumulation(dem, method="D8"), 1)
    return [
        {"what": "richdem, with its directions (s)", "value": their},
        {"what": "ratio to richdem", "value": their / mine},
    ]


def _pyflwdir(direction: xr.DataArray, sums: xr.DataArray, mine: float) -> list[Row]:
    try:
        import pyflwdir
    except ImportError:
        return [{"what": "pyflwdir is not installed", "value": "-"}]
    codes = direction.values
    esri = np.where(codes == 255, 247, ESRI[np.minimum(codes, 7)]).astype("uint8")

    def peer() -> np.ndarray:
        flow = pyflwdir.from_array(esri, ftype="d8", check_ftype=False)
        return flow.accuflux(np.ones(codes.shape))

    their, found = best_of(peer, 1), peer()
    wrong = np.nanmax(np.abs(np.where(codes == 255, np.nan, found) - sums.values))
    return [
        {"what": "pyflwdir, with its order of cells (s)", "value": their},
        {"what": "ratio to pyflwdir", "value": their / mine},
        {"what": "largest difference to pyflwdir", "value": float(wrong)},
    ]


def _xarray_spatial(
    direction: xr.DataArray, sums: xr.DataArray, chunk: int, mine: float
) -> list[Row]:
    try:
        from xrspatial.hydro import flow_accumulation_d8
    except ImportError:
        return [{"what": "xarray-spatial is not installed", "value": "-"}]
    codes = direction.values
    esri = np.where(codes == 255, np.nan, ESRI[np.minimum(codes, 7)].astype("float64"))
    lazy = xr.DataArray(esri, dims=("y", "x")).chunk(chunk)
    begin = time.perf_counter()
    found = flow_accumulation_d8(lazy).values
    their = time.perf_counter() - begin
    wrong = np.nan_to_num(np.abs(found - sums.values))
    return [
        {"what": "xarray-spatial, Dask (s)", "value": their},
        {"what": "ratio to xarray-spatial", "value": their / mine},
        {"what": "cells in which xarray-spatial differs", "value": int((wrong > 0).sum())},
    ]


def several_receivers(filled: xr.DataArray, chunk: int) -> list[Row]:
    """Measure MFD: directions and sums in memory, sums as one task and in rounds."""
    from unittest import mock

    from mineeco_xr.terrain import multiple

    directing = best_of(lambda: mx.flow_direction(filled, method="mfd"), 1)
    direction = mx.flow_direction(filled, method="mfd").compute()
    sums = mx.flow_accumulation(direction)
    summing = best_of(lambda: mx.flow_accumulation(direction))
    with mock.patch.object(multiple, "fits_in_memory", return_value=False):
        _, rows = tiled("ours, sums in rounds", direction, chunk)
        rounds = mx.flow_accumulation(direction.chunk(chunk)).values
    return [
        *per_cell("ours, directions in memory", directing, direction.size),
        *per_cell("ours, sums in memory", summing, direction.size),
        *rows,
        {
            "what": "equal bits in memory and in rounds",
            "value": str(np.array_equal(rounds, sums.values, equal_nan=True)),
        },
        *_pygeoprocessing(filled, sums, directing + summing),
    ]


def _pygeoprocessing(filled: xr.DataArray, sums: xr.DataArray, mine: float) -> list[Row]:
    try:
        import pygeoprocessing
        from pygeoprocessing import routing
    except ImportError:
        return [{"what": "pygeoprocessing is not installed", "value": "-"}]
    with tempfile.TemporaryDirectory() as folder:
        dem, flow, found = (str(Path(folder) / f"{name}.tif") for name in ("dem", "flow", "sums"))
        values = np.where(np.isnan(filled), -9999, filled).astype("float32")
        pygeoprocessing.numpy_array_to_raster(
            values,
            -9999,
            (30, -30),
            (500_000, 4_800_000),
            mx.cube.geobox_of(filled).crs.to_wkt(),
            dem,
        )
        begin = time.perf_counter()
        routing.flow_dir_mfd((dem, 1), flow)
        routing.flow_accumulation_mfd((flow, 1), found)
        their = time.perf_counter() - begin
        peer = pygeoprocessing.raster_to_numpy_array(found)
    wrong = np.nanmax(np.abs(np.where(np.isnan(sums), np.nan, peer) - sums.values))
    return [
        {"what": "pygeoprocessing, directions and sums (s)", "value": their},
        {"what": "ratio to pygeoprocessing", "value": their / mine},
        {"what": "largest difference to pygeoprocessing", "value": float(wrong)},
    ]


if __name__ == "__main__":
    main()
