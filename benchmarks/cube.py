"""WUE and trend of a big cube from Zarr to Zarr on two workers of 2 GiB.

``python -m benchmarks.cube --side 10000`` needs about 50 GB of disk and some minutes.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import pandas as pd
import xarray as xr
from distributed import Client, LocalCluster

import mineeco_xr as mx
from benchmarks.measure import Memory, copy_bandwidth, disk_bandwidth, peak_memory, table
from mineeco_xr.chunks import generate
from mineeco_xr.kernels.warmup import warmup

YEARS = 24


def noise(rows: slice, columns: slice, *, name: str, low: float, high: float, trend: float):
    """Return yearly noise about a slope, made from hashes of the cells."""
    import numpy as np

    from mineeco_xr.kernels.hash import stream_key, uniform_cells

    layers = []
    for year in range(YEARS):
        unit = uniform_cells(stream_key(0, name, year), rows, columns)
        layers.append(low + (high - low) * unit + trend * year)
    block = np.stack(layers).astype("float32")
    block[:, unit < 0.02] = np.nan
    return block


def inputs(side: int) -> xr.Dataset:
    """Return a lazy cube of NPP and ET."""
    grid = mx.make_grid((0, 0, side * 30, side * 30), crs="EPSG:32650", resolution=30)
    dates = pd.date_range("2001-01-01", periods=YEARS, freq="YS")
    layers = {}
    for name, units, low, high, trend in (
        ("npp", "gC m-2 yr-1", 200, 600, -2.0),
        ("et", "mm yr-1", 300, 500, 0.0),
    ):
        layer = generate(
            noise,
            mx.cube.grid_coords(grid),
            dtype="float32",
            chunks=512,
            leading={"time": dates.values},
            parameters={"name": name, "low": low, "high": high, "trend": trend},
        )
        layers[name] = layer.rename(name).assign_attrs(units=units)
    return xr.Dataset(layers)


def derived(path: Path) -> xr.Dataset:
    """Return WUE and its trend of a stored cube, as a user writes it."""
    cube = xr.open_zarr(path)
    wue = cube.mine.wue()
    fitted = wue.mine.trend()[["slope", "intercept", "p", "tau"]]
    return fitted.astype("float32", keep_attrs=True).assign(wue=wue)


def on_disk(path: Path) -> int:
    """Return the bytes of a store."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def report(side: int, seconds: float, memory: Memory, source: Path, target: Path) -> None:
    """Print rates beside the machine's own."""
    raw = YEARS * side**2 * 4
    moved = 2 * raw + raw + 4 * side**2 * 4
    write, read = disk_bandwidth(source.parent)
    stored = on_disk(source) + on_disk(target)
    rows = [
        {"what": "seconds", "value": seconds},
        {"what": "cells a second (million, one date)", "value": YEARS * side**2 / seconds / 1e6},
        {"what": "trends a second (million)", "value": side**2 / seconds / 1e6},
        {"what": "array bytes read and written (MB/s)", "value": moved / seconds / 1e6},
        {"what": "stored bytes read and written (MB/s)", "value": stored / seconds / 1e6},
        {"what": "machine: copy, 2 threads (MB/s)", "value": copy_bandwidth(2) / 1e6},
        {
            "what": "machine: disk write, read (MB/s)",
            "value": f"{write / 1e6:.0f}, {read / 1e6:.0f}",
        },
        {"what": "largest worker (MiB)", "value": memory.largest_child()},
        {"what": "whole tree (MiB)", "value": memory.total / 2**20},
    ]
    table(f"WUE and trend of {YEARS} x {side} x {side} float32, Zarr to Zarr, 2 x 2 GiB", rows)


def main() -> None:
    """Make the input, run, report, clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--folder", type=Path, default=Path("out/bench"))
    parser.add_argument("--keep", action="store_true", help="keep the stores")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    source, target = options.folder / f"in_{options.side}.zarr", options.folder / "derived.zarr"
    warmup()
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="2GiB", dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        begin = time.perf_counter()
        mx.write_cube(inputs(options.side), source)
        print(f"input written in {time.perf_counter() - begin:.1f} s")
        workers = set(client.scheduler_info()["workers"])
        shutil.rmtree(target, ignore_errors=True)
        with peak_memory() as memory:
            begin = time.perf_counter()
            mx.write_cube(derived(source), target)
            seconds = time.perf_counter() - begin
        killed = workers - set(client.scheduler_info()["workers"])
        print("no worker was killed" if not killed else f"killed: {killed}")
    report(options.side, seconds, memory, source, target)
    mx.open_cube(target)
    if not options.keep:
        shutil.rmtree(source)
        shutil.rmtree(target)


if __name__ == "__main__":
    main()
