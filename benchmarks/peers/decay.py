"""Accumulated decay of four threats at 30 m: ours, pygeoprocessing's ``convolve_2d``, SciPy."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import mineeco_xr as mx
from benchmarks.measure import best_of, peak_memory, table
from mineeco_xr.kernels.convolve import make_plan
from mineeco_xr.testing import with_grid

STEP = 30.0
THREATS = (
    ("mine", 10_000.0, "exponential"),
    ("road", 8_000.0, "linear"),
    ("settlement", 5_000.0, "exponential"),
    ("field", 3_000.0, "linear"),
)
DENSE = ("field", 10_000.0, "exponential")
"""The widest kernel where it cannot be scattered; not among the four."""


def landscape(side: int) -> dict[str, np.ndarray]:
    """Return solid pits (0.1 %), thin lines (0.3 %), blobs (3 %) and fields (35 %)."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)

    def patches(size: float, share: float) -> np.ndarray:
        noise = gaussian_filter(rng.normal(size=(side, side)).astype("float32"), size)
        return noise > np.quantile(noise[::7, ::7], 1 - share)

    road = np.zeros((side, side), dtype=bool)
    for _ in range(max(2, side // 330)):
        ends = rng.integers(0, side, 4)
        line = np.linspace(ends[:2], ends[2:], 4 * side).astype(int)
        road[line[:, 0], line[:, 1]] = True
    pit = np.zeros((side, side), dtype=bool)
    rows, columns = np.ogrid[:side, :side]
    while pit.mean() < 0.001:
        centre, radius = rng.integers(0, side, 2), rng.integers(5, 25)
        pit |= (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    return {
        "mine": pit,
        "road": road,
        "settlement": patches(4, 0.03),
        "field": patches(8, 0.35),
    }


def kernel_image(m: float, kind: str) -> np.ndarray:
    """Return the weights around a cell, written out."""
    radius = int(m / STEP)
    square = np.arange(-radius, radius + 1) ** 2
    share = np.sqrt(np.add.outer(square, square)) * STEP / m
    weights = 1 - share if kind == "linear" else np.exp(-2.99 * share)
    return np.where(share <= 1, weights, 0)


def pygeoprocessing_seconds(threat: np.ndarray, kernel: np.ndarray) -> float:
    """Return the seconds of one call on files, or NaN where it is not installed."""
    try:
        import pygeoprocessing
    except ImportError:
        return float("nan")
    from pyproj import CRS

    wkt = CRS("EPSG:32650").to_wkt()
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("threat.tif", "kernel.tif", "out.tif")]
        for array, path in zip((threat.astype("uint8"), kernel), paths, strict=False):
            pygeoprocessing.numpy_array_to_raster(
                array, None, (STEP, -STEP), (5e5, 4.8e6), wkt, path
            )
        begin = time.perf_counter()
        pygeoprocessing.convolve_2d((paths[0], 1), (paths[1], 1), paths[2], max_timeout=600)
        return time.perf_counter() - begin


def bare_transforms(side: int, radius: float) -> float:
    """Return the seconds of the transforms alone, of all tiles of the whole raster at once."""
    from scipy.fft import fft2, ifft2

    plan = make_plan((side, side), (int(radius), int(radius)))
    work = np.zeros(plan.transform, dtype=np.complex64)
    begin = time.process_time()
    ifft2(fft2(work, overwrite_x=True), overwrite_x=True)
    return (time.process_time() - begin) * ((len(plan.corners) + 1) // 2)


def main() -> None:
    """Compare threat by threat and together."""
    options = argparse.ArgumentParser()
    options.add_argument("--side", type=int, default=4000)
    options.add_argument("--chunk", type=int, default=2000)
    given = options.parse_args()
    layers = landscape(given.side)
    found = [
        measured(name, layers[name], m, kind, given.chunk, kernel_image(m, kind))
        for name, m, kind in (*THREATS, DENSE)
    ]
    title = f"{given.side} x {given.side}, chunks of {given.chunk}, threads"
    table(f"decay, {title}", [times for times, _ in found])
    table(f"decay, {title}: limits", [limits for _, limits in found])
    sums = {
        key: sum(times[key] for times, _ in found[:-1])
        for key in ("ours (s)", "convolve_2d (s)", "oaconvolve (s)")
    }
    if np.isnan(sums["convolve_2d (s)"]):
        print("pygeoprocessing is not installed here: ours and SciPy alone.")
    for key, seconds in sums.items():
        print(f"all four, {key}: {seconds:.3g}, {seconds / sums['ours (s)']:.3g} times ours")


def measured(
    name: str, threat: np.ndarray, m: float, kind: str, chunk: int, kernel: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return times and limits of one threat."""
    from scipy.signal import oaconvolve

    lazy = with_grid(threat.astype("uint8"), name=name).chunk(chunk)
    begin = time.perf_counter()
    built = mx.decay(lazy, m, kind)
    graph = time.perf_counter() - begin
    tasks = len(dict(built.__dask_graph__()))
    before = psutil.Process().memory_info().rss
    with peak_memory(0.02) as memory:
        ours = best_of(built.compute, 2)
    begin = time.process_time()
    result = built.compute(scheduler="synchronous").values
    processor = time.process_time() - begin
    begin = time.perf_counter()
    oaconvolve(threat.astype("float32"), kernel.astype("float32"), mode="same")
    scipy = time.perf_counter() - begin
    exact = oaconvolve(threat.astype("float64"), kernel, mode="same")
    peer = pygeoprocessing_seconds(threat, kernel)
    label = f"{name}, {kind}, {m / STEP:.0f} cells"
    times = {
        "threat": label,
        "ours (s)": ours,
        "convolve_2d (s)": peer,
        "times ours": peer / ours,
        "oaconvolve (s)": scipy,
        "times ours ": scipy / ours,
        "difference / largest": float(np.abs(result - exact).max() / exact.max()),
    }
    limits = {
        "threat": label,
        "ns/cell of one core": processor / threat.size * 1e9,
        "bare transforms / ours": bare_transforms(threat.shape[0], m / STEP) / processor,
        "peak above start (MiB)": (memory.total - before) / 2**20,
        "tasks": tasks,
        "graph (s)": graph,
    }
    return times, limits


if __name__ == "__main__":
    main()
