"""The services on rasters larger than memory, Zarr to Zarr, on two workers.

``python -m benchmarks.services --side 20000 --only carbon,water_yield,habitat,sediment-d8`` needs
about 25 GB of disk. Inputs are those of ``benchmarks.peers.invest``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr
from distributed import Client, LocalCluster

import mineeco_xr as mx
from benchmarks.measure import copy_bandwidth, peak_memory, table
from benchmarks.peers.invest import tables
from benchmarks.peers.invest.inputs import CHUNK, cube
from benchmarks.peers.invest.parameters import HALF_SATURATION, SEASONALITY, THREATS
from mineeco_xr.kernels.warmup import warmup

Run = Callable[[xr.Dataset, Path], xr.Dataset]


def habitat(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    """Quality and degradation by four threats of 3 to 10 km."""
    return mx.habitat_quality(
        ds["lulc"],
        {name: ds[name] for name in THREATS},
        threat_table=folder / "threats.csv",
        sensitivity=folder / "sensitivity.csv",
        half_saturation=HALF_SATURATION,
    )


def water_yield(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    """Yield and evapotranspiration."""
    return mx.water_yield(
        ds["lulc"],
        ds["precipitation"],
        ds["evapotranspiration"],
        ds["soil_depth"],
        ds["available_water"],
        biophysical=folder / "water.csv",
        seasonality=SEASONALITY,
    )[["water_yield", "aet"]]


def carbon(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    """Storage before and after, and the change."""
    before, after = (
        mx.carbon(ds[name], folder / "carbon.csv")["carbon_storage"]
        for name in ("lulc", "lulc_future")
    )
    change = mx.carbon_sequestration(before, after)
    return xr.Dataset({"before": before, "after": after, "change": change})


def _sediment(ds: xr.Dataset, folder: Path, method: str) -> xr.Dataset:
    made = mx.sediment(
        ds["dem"],
        ds["lulc"],
        ds["erosivity"],
        ds["erodibility"],
        folder / "sediment.csv",
        threshold=1000,
        method=method,
    )
    return made[["usle", "sediment_export", "sediment_deposition", "avoided_export"]]


MODELS: dict[str, Run] = {
    "carbon": carbon,
    "water_yield": water_yield,
    "habitat": habitat,
    "sediment-d8": lambda ds, folder: _sediment(ds, folder, "d8"),
    "sediment-mfd": lambda ds, folder: _sediment(ds, folder, "mfd"),
}


def measure(name: str, folder: Path, side: int) -> dict[str, Any]:
    """Run one model from store to store and return a row of the table."""
    ds = mx.open_cube(folder / f"cube-{side}.zarr")
    out = folder / "result.zarr"
    shutil.rmtree(out, ignore_errors=True)
    with peak_memory() as memory:
        begin = time.perf_counter()
        made = MODELS[name](ds, folder)
        built = time.perf_counter() - begin
        mx.write_cube(made, out, chunk=CHUNK, resume=False)
        seconds = time.perf_counter() - begin
    shutil.rmtree(out)
    return {
        "model": name,
        "side": side,
        "layers": len(made.data_vars),
        "seconds": seconds,
        "built": built,
        "ns/cell": seconds / side**2 * 1e9,
        "largest worker MiB": memory.largest_child(),
        "tree MiB": memory.total / 2**20,
    }


def main() -> None:
    """Run the chosen models at the chosen sides."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--only", default=",".join(MODELS))
    parser.add_argument("--memory", default="3GiB")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    warmup()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mineeco-services-"))
    folder.mkdir(parents=True, exist_ok=True)
    tables.write_tables(folder)
    rows = []
    try:
        store = folder / f"cube-{options.side}.zarr"
        if not store.exists():
            mx.write_cube(cube(options.side, "plain"), store, chunk=CHUNK)
        for name in options.only.split(",") if options.only else []:
            with (
                LocalCluster(
                    n_workers=2,
                    threads_per_worker=1,
                    memory_limit=options.memory,
                    dashboard_address=":0",
                ) as cluster,
                Client(cluster),
            ):
                rows.append(measure(name, folder, options.side))
            print(rows[-1], flush=True)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    if rows:
        bandwidth = copy_bandwidth(2) / 1e9
        table(f"2 workers x 1 thread x {options.memory}; copy of 2 threads {bandwidth:.0f} GB/s",
              rows)  # fmt: skip


if __name__ == "__main__":
    main()
