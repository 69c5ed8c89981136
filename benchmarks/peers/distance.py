"""Exact Euclidean distance: ours on chunks, SciPy on the whole raster."""

from __future__ import annotations

import argparse

import numpy as np
from scipy.ndimage import distance_transform_edt

import mineeco_xr as mx
from benchmarks.landscape import landscape
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table


def main() -> None:
    """Compare on patches, on crop and on roads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=4000)
    side = parser.parse_args().side
    cube = landscape(side, None)[["patches", "crop"]]
    roads = np.zeros((side, side), dtype="uint8")
    roads[:: side // 16], roads[:, :: side // 16] = 1, 1
    layers = {**cube.data_vars, "roads": cube["crop"].copy(data=roads)}
    bandwidth = copy_bandwidth(2)
    rows = []
    for name, layer in layers.items():
        lazy = layer.chunk(1000)
        with peak_memory() as memory:
            whole = best_of(lambda layer=layer: mx.distance(layer).values, 2)
            chunked = best_of(lambda lazy=lazy: mx.distance(lazy).values, 2)
        single = mx.distance(lazy, dtype="float32")
        peer = best_of(
            lambda layer=layer: distance_transform_edt(layer.values == 0, sampling=30.0), 1
        )
        exact = distance_transform_edt(layer.values == 0, sampling=30.0)
        rows.append(
            {
                "features": name,
                "ours, 1 thread (ns/cell)": whole / side**2 * 1e9,
                "chunks, 2 threads": chunked / side**2 * 1e9,
                "scipy": peer / side**2 * 1e9,
                "ratio, 1 thread": peer / whole,
                "ratio, chunks": peer / chunked,
                "other bits": int((single.values != exact.astype("float32")).sum()),
                "tasks": len(single.__dask_graph__()),
                "of copy": side**2 * 9 / chunked / bandwidth,
                "peak MiB": memory.total / 2**20,
            }
        )
    table(f"distance, {side} x {side}", rows)


if __name__ == "__main__":
    main()
