"""Kernels on rasters larger than a worker's memory, Zarr to Zarr, two workers of 2 GiB.

``python -m benchmarks.large --side 20000`` needs about 25 GB of disk and some minutes a kernel;
``--only distance,label`` picks kernels; ``--sides 1000,4000,16000`` shows how time grows.
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
from benchmarks.landscape import CHUNK, stored_landscape
from benchmarks.measure import copy_bandwidth, peak_memory, table
from mineeco_xr.kernels.warmup import warmup

MEMORY = "2GiB"
Run = Callable[[xr.Dataset, Path], Any]


def _stored(made: xr.DataArray | xr.Dataset, path: Path) -> xr.Dataset:
    cube = made if isinstance(made, xr.Dataset) else made.to_dataset(name=str(made.name or "made"))
    side = cube.sizes["y"]
    return mx.open_cube(mx.write_cube(cube, path, chunk=min(CHUNK, side), resume=False))


def _flow(ds: xr.Dataset, folder: Path) -> xr.DataArray:
    """Return the stored D8 directions of the filled terrain; made once."""
    return _made(folder / "d8.zarr", lambda: _filled(ds, folder).mine.flow_direction("d8"))


def _filled(ds: xr.Dataset, folder: Path) -> xr.DataArray:
    return _made(folder / "filled.zarr", lambda: ds["dem"].mine.fill_pits())


def _many(ds: xr.Dataset, folder: Path) -> xr.DataArray:
    """Return the stored directions with many receivers."""
    return _made(folder / "mfd.zarr", lambda: _filled(ds, folder).mine.flow_direction("mfd"))


def _forest(ds: xr.Dataset) -> xr.DataArray:
    """Evaluate a forest of 20 trees that was trained in a corner."""
    from sklearn.ensemble import RandomForestRegressor

    layers = ds[["dem", "resistance", "crop"]]
    corner = layers.isel(y=slice(100), x=slice(100)).to_dataframe()[list(layers.data_vars)].dropna()
    target = corner["dem"] * corner["resistance"] + corner["crop"]
    forest = RandomForestRegressor(20, min_samples_leaf=5, random_state=0).fit(corner, target)
    return layers.mine.evaluate_forest(forest)["mean"]


def _made(path: Path, make: Callable[[], xr.DataArray]) -> xr.DataArray:
    ready = mx.open_cube(path) if path.exists() else _stored(make(), path)
    return ready[next(iter(ready.data_vars))]


KERNELS: dict[str, tuple[Run, Run]] = {
    "distance": (lambda ds, _: None, lambda ds, _: ds["patches"].mine.distance()),
    "label": (lambda ds, _: None, lambda ds, _: ds["patches"].mine.label()),
    "decay of 3 km": (
        lambda ds, _: None,
        lambda ds, _: ds["crop"].mine.decay(3000, kind="linear"),
    ),
    "hot spots of 150 m": (lambda ds, _: None, lambda ds, _: ds["dem"].mine.hot_spots(150.0)["z"]),
    "natural breaks": (
        lambda ds, _: None,
        lambda ds, _: ds["dem"].mine.classify("natural_breaks", k=5),
    ),
    "fill": (lambda ds, _: None, lambda ds, _: ds["dem"].mine.fill_pits()),
    "slope": (lambda ds, _: None, lambda ds, _: ds["dem"].mine.slope()),
    "direction": (
        lambda ds, folder: _filled(ds, folder),
        lambda ds, folder: _filled(ds, folder).mine.flow_direction("d8"),
    ),
    "accumulation": (
        lambda ds, folder: _flow(ds, folder),
        lambda ds, folder: _flow(ds, folder).mine.flow_accumulation(),
    ),
    "mfd direction": (
        lambda ds, folder: _filled(ds, folder),
        lambda ds, folder: _filled(ds, folder).mine.flow_direction("mfd"),
    ),
    "mfd accumulation": (
        lambda ds, folder: _many(ds, folder),
        lambda ds, folder: _many(ds, folder).mine.flow_accumulation(),
    ),
    "forest of 20 trees": (lambda ds, _: None, lambda ds, _: _forest(ds)),
    "cost distance": (
        lambda ds, _: None,
        lambda ds, _: ds["resistance"].mine.cost_distance(ds["sources"])["cost_distance"],
    ),
}
"""For each kernel what must be stored before the clock starts, and what is timed."""


def measure(name: str, side: int, folder: Path) -> dict[str, Any]:
    """Run one kernel from store to store and return a row of the table."""
    prepare, run = KERNELS[name]
    ds = stored_landscape(folder, side)
    work = folder / f"work-{side}"
    work.mkdir(exist_ok=True)
    prepare(ds, work)
    out = work / "result.zarr"
    with peak_memory() as memory:
        begin = time.perf_counter()
        lazy = run(ds, work)
        built = time.perf_counter() - begin
        _stored(lazy, out)
        seconds = time.perf_counter() - begin
    shutil.rmtree(out)
    return {
        "kernel": name,
        "side": side,
        "seconds": seconds,
        "built": built,
        "ns/cell": seconds / side**2 * 1e9,
        "tasks": len(lazy.__dask_graph__()),
        "largest worker MiB": memory.largest_child(),
        "tree MiB": memory.total / 2**20,
    }


def main() -> None:
    """Run the chosen kernels at the chosen sides."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sides", default="20000")
    parser.add_argument("--only", default="distance,label,accumulation,cost distance")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--threads", action="store_true", help="threads instead of two workers")
    options = parser.parse_args()
    names = list(KERNELS) if options.only == "all" else options.only.split(",")
    warmup()
    place = options.folder or Path(tempfile.mkdtemp(prefix="mineeco-large-"))
    place.mkdir(parents=True, exist_ok=True)
    rows = []
    try:
        for name in names:
            for side in map(int, options.sides.split(",")):
                rows.append(_measured(name, side, place, threads=options.threads))
                print(rows[-1], flush=True)
    finally:
        if options.folder is None:
            shutil.rmtree(place)
    table(f"{'threads' if options.threads else f'2 workers x 1 thread x {MEMORY}'}; copy of 2 "
          f"threads {copy_bandwidth(2) / 1e9:.0f} GB/s", rows)  # fmt: skip


def _measured(name: str, side: int, place: Path, *, threads: bool) -> dict[str, Any]:
    if threads:
        return measure(name, side, place)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=MEMORY, dashboard_address=":0"
        ) as cluster,
        Client(cluster),
    ):
        return measure(name, side, place)


if __name__ == "__main__":
    main()
