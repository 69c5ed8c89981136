"""A stack of 24 years and six layers from Zarr to trend, disturbance and water-use efficiency.

``python -m benchmarks.stack --side 10000 --folder DIR`` runs the whole chain on two workers of
2 GiB and takes about 19 GB of disk and some minutes. ``--interrupt`` kills a run midway, goes on,
and compares with one that was left alone: ``--side 2000`` is enough. Inputs stay in the folder,
results do not.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from distributed import Client, LocalCluster

import mineeco_xr as mx
from benchmarks.measure import copy_bandwidth, peak_memory, table
from benchmarks.stack_inputs import BANDS, YEARS, planted_years, stored_stack
from mineeco_xr.cube.partial import PartialStore
from mineeco_xr.kernels.warmup import warmup

Stamps = dict[str, int]
INPUT_BYTES, RESULT_BYTES = 110, 76
"""What a cell takes on disk."""


def chain(ds: xr.Dataset) -> xr.Dataset:
    """Return all that is asked of a stack, lazily, from its stored numbers.

    NDVI gives a trend and the losses, NBR how they recover, the water index a straight line;
    production over water gives the efficiency of each year and of all, and its trend.
    """
    reflectance = mx.scale_landsat(ds[list(BANDS)])
    found = mx.indices(reflectance, ["NDVI", "NBR", "NDMI"])
    npp = mx.decode_modis(ds["npp"], "MOD17A3HGF")["npp"]
    et = mx.decode_modis(ds["et"], "MOD16A3GF")["et"]
    yearly = mx.wue(npp, et)
    losses = mx.disturbance(found["NDVI"])
    parts = {
        "ndvi_trend": mx.trend(found["NDVI"]),
        "loss": losses,
        "nbr_recovery": mx.recovery(found["NBR"], losses),
        "ndmi_line": mx.trend(found["NDMI"], method="ols")[["slope"]],
        "wue_trend": mx.trend(yearly),
    }
    layers = {
        f"{part}_{name}": layer
        for part, cube in parts.items()
        for name, layer in cube.data_vars.items()
    }
    return xr.Dataset(layers | {"wue": yearly, "wue_period": mx.wue(npp, et, over="time")})


def run(source: Path, out: Path) -> dict[str, Any]:
    """Run the chain from store to store and return a row of the table."""
    with peak_memory() as memory, first_block(out) as first:
        begin = time.perf_counter()
        ds = mx.open_cube(source)
        made: Any = chain(ds)
        built = time.perf_counter() - begin
        mx.write_cube(made, out)
        seconds = time.perf_counter() - begin
    side = ds.sizes["y"]
    return {
        "side": side,
        "layers": len(made.data_vars),
        "keys": len(made.__dask_graph__()),
        "built": built,
        "first block": first[0] - begin if first else float("nan"),
        "seconds": seconds,
        "ns/cell-year": seconds / (side**2 * YEARS) * 1e9,
        "largest worker MiB": memory.largest_child(),
        "in GB": stored_bytes(source) / 1e9,
        "out GB": stored_bytes(out) / 1e9,
    }


@contextmanager
def first_block(out: Path) -> Iterator[list[float]]:
    """Watch a store grow and note when its first new block is whole: till then graphs are built."""
    found: list[float] = []
    stop, ready = threading.Event(), (PartialStore.progress_of(out) or (0, 0))[0]

    def watch() -> None:
        while not stop.wait(0.05):
            if (PartialStore.progress_of(out) or (0, 0))[0] > ready:
                found.append(time.perf_counter())
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def stored_bytes(store: Path) -> int:
    """Return the size of a store on disk."""
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def agreement(out: Path, side: int) -> float:
    """Return the share of planted losses in a corner that are dated within a year."""
    corner = slice(0, min(side, 1024))
    year = mx.open_cube(out)["loss_year"].isel(y=corner, x=corner).values.astype(int)
    planted = planted_years(corner, corner)
    lost = planted > 0
    return float(np.mean(np.abs(year - planted)[lost] <= 1))


@contextmanager
def cluster(workers: int, memory: str) -> Iterator[None]:
    """Run what follows on processes of one thread each."""
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=memory, dashboard_address=":0"
        ) as local,
        Client(local),
    ):
        yield


def interrupted(source: Path, folder: Path, arguments: list[str]) -> None:
    """Kill a run when half of its blocks are written, go on, and compare.

    Raises
    ------
    AssertionError
        If a finished block was written again, or a byte differs.
    """
    whole, killed = folder / "whole.zarr", folder / "killed.zarr"
    for store in (whole, killed):
        _remove(store)
    command = [sys.executable, "-m", "benchmarks.stack", *arguments, "--run"]
    subprocess.run([*command, str(whole)], check=True)
    total = _killed_midway([*command, str(killed)], killed)
    partial = killed.with_name(killed.name + ".partial")
    done = {path.name for path in (partial / "done").iterdir()}
    before = _chunks_of(partial / "store", done)
    subprocess.run([*command, str(killed)], check=True)
    after = _chunks_of(killed, None)
    again = [name for name, stamp in before.items() if after[name] != stamp]
    first = max(before.values())
    new = {_block(name) for name, stamp in after.items() if stamp > first}
    equal = _same_chunks(whole, killed)
    print(
        f"killed after {len(done)} of {total} blocks; {len(again)} of their {len(before)} chunks "
        f"were written again; {len(new - done)} blocks were written after; {equal} chunks equal "
        "those of a run that was left alone, byte for byte",
        flush=True,
    )
    assert not again, again[:5]
    assert len(done) + len(new - done) == total
    for store in (whole, killed):
        _remove(store)


def _remove(store: Path) -> None:
    for path in (store, store.with_name(store.name + ".partial")):
        shutil.rmtree(path, ignore_errors=True)


def _killed_midway(command: list[str], out: Path) -> int:
    """Start a run in a session of its own, kill all of it midway, return how many blocks it has."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        while process.poll() is None:
            progress = PartialStore.progress_of(out)
            if progress is not None and 2 * progress[0] >= progress[1]:
                return progress[1]
            time.sleep(0.05)
        raise AssertionError("the run ended before it could be killed: give it a larger side.")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _chunks_of(store: Path, blocks: set[str] | None) -> Stamps:
    """Return when each chunk of a raster was last written, those of some blocks or all."""
    found = {}
    for path in store.glob("*/c/**/*"):
        name = str(path.relative_to(store))
        if path.is_file() and _is_raster(name) and (blocks is None or _block(name) in blocks):
            found[name] = path.stat().st_mtime_ns
    return found


def _is_raster(name: str) -> bool:
    return len(name.split("/c/")[1].split("/")) >= 2


def _block(name: str) -> str:
    return ".".join(name.split("/")[-2:])


def _same_chunks(one: Path, other: Path) -> int:
    names = sorted(_chunks_of(one, None))
    assert names == sorted(_chunks_of(other, None))
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    return len(names)


def main() -> None:
    """Write the inputs, then run the chain, or kill it and go on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="2GiB")
    parser.add_argument("--interrupt", action="store_true")
    parser.add_argument("--run", type=Path, default=None, help="keep the results, and go on there")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mineeco-stack-"))
    folder.mkdir(parents=True, exist_ok=True)
    warmup()
    try:
        _go(options, folder)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def _go(options: argparse.Namespace, folder: Path) -> None:
    source = folder / f"stack-{options.side}.zarr"
    if not source.exists():
        inputs, results = (options.side**2 * n / 1e9 for n in (INPUT_BYTES, RESULT_BYTES))
        print(f"writing {inputs:.3g} GB of inputs; results will take {results:.3g}", flush=True)
        begin = time.perf_counter()
        with cluster(options.workers, options.memory):
            stored_stack(folder, options.side)
        print(f"inputs: {time.perf_counter() - begin:.1f} s, {stored_bytes(source) / 1e9:.3g} GB")
    if options.interrupt:
        arguments = ["--side", options.side, "--folder", folder, "--workers", options.workers]
        arguments += ["--memory", options.memory]
        interrupted(source, folder, list(map(str, arguments)))
        return
    out = options.run or folder / f"result-{options.side}.zarr"
    if options.run is None:
        _remove(out)
    with cluster(options.workers, options.memory):
        row = run(source, out)
    row["dated"] = agreement(out, options.side)
    if options.run is None:
        _remove(out)
    table(
        f"{options.workers} workers x 1 thread x {options.memory}; copy of 2 threads "
        f"{copy_bandwidth(2) / 1e9:.0f} GB/s",
        [row],
    )


if __name__ == "__main__":
    main()
