"""Gi*: ours and xarray-spatial on Dask, and esda on a small raster for the difference."""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

import mineeco_xr as mx
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table
from mineeco_xr.testing import with_grid

CELL = 30.0
SMALL = 200


def scene(side: int) -> np.ndarray:
    """Return noise with clusters and a tenth of nodata."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((side, side), dtype="float32")
    values = noise + 5 * gaussian_filter(noise, 8)
    values[rng.random(values.shape, dtype="float32") < 0.1] = np.nan
    return values


def main() -> None:
    """Compare confidence bins, which is all that the peer gives, and our z and p."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4000, help="cells a side of the raster")
    parser.add_argument("--chunk", type=int, default=1000, help="cells a side of a chunk")
    parser.add_argument("--radius", type=int, default=5, help="cells of the disc's radius")
    options = parser.parse_args()
    values, radius = scene(options.side), options.radius * CELL
    raster = with_grid(values, name="risk")
    lazy = raster.chunk(options.chunk)
    begin = time.perf_counter()
    built = mx.hot_spots(lazy, radius)
    building = time.perf_counter() - begin
    with peak_memory() as memory:
        mine = best_of(built["bin"].compute, 2)
    everything = best_of(built.compute, 1)
    discovery = best_of(mx.hot_spots(lazy, radius, correction="fdr")["bin"].compute, 1)
    whole = best_of(lambda: mx.hot_spots(raster, radius)["bin"], 1)
    moved = values.size * (4 + 4 + 8 + 16 + 8 + 1)  # two reads, standard scores, sums, z, bins
    rows = [
        {"what": "ours, bins (s)", "value": mine},
        {"what": "ours, z, p and bins (s)", "value": everything},
        {"what": "ours, bins by false discovery rate (s)", "value": discovery},
        {"what": "ours, in memory, 1 thread (s)", "value": whole},
        *_xarray_spatial(raster, options, built["bin"].compute().values, mine, whole),
        *_esda(radius),
        {"what": "share of copy bandwidth", "value": moved / mine / copy_bandwidth(2)},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
        {"what": "tasks, bins", "value": len(dict(built["bin"].__dask_graph__()))},
        {"what": "building the graph (s)", "value": building},
    ]
    title = f"Gi*, {options.side} x {options.side} float32, disc of {options.radius} cells"
    table(f"{title}, chunks of {options.chunk}, threads", rows)


def _xarray_spatial(
    raster: object, options: argparse.Namespace, ours: np.ndarray, mine: float, whole: float
) -> list[dict[str, object]]:
    try:
        from xrspatial.convolution import circle_kernel
        from xrspatial.focal import hotspots
    except ImportError:
        return [{"what": "xarray-spatial is not installed", "value": "-"}]
    kernel = circle_kernel(1, 1, options.radius)
    plain = raster.drop_vars("spatial_ref")  # type: ignore[attr-defined]

    def peer(chunk: int | None) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return hotspots(plain if chunk is None else plain.chunk(chunk), kernel).values

    chunked = best_of(lambda: peer(options.chunk), 1)
    memory = best_of(lambda: peer(None), 1)
    percent = np.array([0, 90, 95, 99])
    found = peer(None)
    same = np.sign(ours) * percent[np.abs(np.where(ours == -128, 0, ours))]
    compared = np.isfinite(found) & (ours != -128)
    return [
        {"what": f"their kernel, {int(kernel.sum())} cells; on Dask (s)", "value": chunked},
        {"what": "xarray-spatial, in memory (s)", "value": memory},
        {"what": "ratio on Dask", "value": chunked / mine},
        {"what": "ratio in memory", "value": memory / whole},
        {
            "what": "share of cells in the same bin",
            "value": float((same == found)[compared].mean()),
        },
    ]


def _esda(radius: float) -> list[dict[str, object]]:
    try:
        from esda import G_Local
        from libpysal.weights import DistanceBand
    except ImportError:
        return [{"what": "esda is not installed", "value": "-"}]
    values = scene(SMALL).astype("float64")
    raster = with_grid(values)
    valid = np.isfinite(values)
    rows, columns = np.nonzero(valid)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        band = DistanceBand(np.c_[columns, rows] * CELL, radius * (1 + 1e-9), binary=True)
        peer = G_Local(values[valid], band, star=True, transform="B", permutations=0)
    seconds = time.perf_counter() - begin
    ours = mx.hot_spots(raster, radius)["z"].values[valid]
    return [
        {"what": f"esda, {SMALL} x {SMALL} (s)", "value": seconds},
        {"what": "largest difference of z to esda", "value": float(np.abs(peer.Zs - ours).max())},
    ]


if __name__ == "__main__":
    main()
