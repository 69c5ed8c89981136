"""Cost distance from 21 patches: ours, scikit-image in memory and xarray-spatial on Dask."""

from __future__ import annotations

import argparse
import time

import numpy as np

import mineeco_xr as mx
from benchmarks.landscape import landscape
from benchmarks.measure import best_of, peak_memory, table


def main() -> None:
    """Compare at one size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--chunk", type=int, default=1000)
    side, chunk = (options := parser.parse_args()).side, options.chunk
    cube = landscape(side, None)
    resistance = cube["resistance"]
    rng = np.random.default_rng(0)
    seeds = np.zeros((side, side), dtype="int32")
    for number in range(21):
        row, column = rng.integers(0, side - 5, 2)
        seeds[row : row + 5, column : column + 5] = number + 1
    seeds[~np.isfinite(resistance.values)] = 0
    sources = resistance.copy(data=seeds).rename("sources").drop_attrs(deep=False)
    rows = []

    def ours() -> np.ndarray:
        return mx.cost_distance(resistance, sources)["cost_distance"].values

    with peak_memory() as memory:
        mine = best_of(ours)
    expected = ours()
    row = {
        "what": "ours, in memory, 1 thread",
        "seconds": mine,
        "cells/s (M)": side**2 / mine / 1e6,
    }
    rows.append(row | {"peak MiB": memory.total / 2**20, "equal": "-"})
    lazy, lazy_sources = resistance.chunk(chunk), sources.chunk(chunk)
    begin = time.perf_counter()
    field = mx.cost_distance(lazy, lazy_sources)
    solved = time.perf_counter() - begin
    found = field["cost_distance"].values
    whole = time.perf_counter() - begin
    tasks = len(field["cost_distance"].__dask_graph__())
    same = np.array_equal(found, expected, equal_nan=True)
    rows.append({"what": f"ours, chunks of {chunk}, threads ({solved:.1f} s solve, {tasks} tasks)",
                 "seconds": whole, "equal": str(same)})  # fmt: skip
    for name, peer in (("scikit-image", _scikit_image), ("xarray-spatial, Dask", _xarray_spatial)):
        try:
            seconds, cost = peer(lazy, seeds)
        except ImportError as missing:
            print(f"{name}: {missing}")
            continue
        both = np.isfinite(cost) & np.isfinite(expected)
        worst = np.abs(cost[both] / np.where(expected[both] > 0, expected[both], 1) - 1)
        worst = np.where(expected[both] == 0, 0, worst).max()
        lost = int(np.isfinite(expected).sum() - np.isfinite(cost).sum())
        note = f"rel. {worst:.1e}, {lost} cells lost"
        rows.append({"what": name, "seconds": seconds, "equal": note, "x in memory":
                     seconds / mine, "x chunked": seconds / whole})  # fmt: skip
    keys = ("what", "seconds", "cells/s (M)", "peak MiB", "x in memory", "x chunked", "equal")
    table(f"cost distance, {side} x {side}, 21 sources", [
        {key: row.get(key, "") for key in keys} for row in rows])  # fmt: skip


def _scikit_image(lazy: object, seeds: np.ndarray) -> tuple[float, np.ndarray]:
    from skimage.graph import MCP_Geometric

    values = lazy.values.astype("float64")  # type: ignore[attr-defined]
    begin = time.perf_counter()
    solver = MCP_Geometric(np.where(np.isfinite(values), values, -1.0), sampling=(30.0, 30.0))
    cost, _ = solver.find_costs(np.argwhere(seeds > 0).tolist())
    return time.perf_counter() - begin, np.where(np.isfinite(cost), cost, np.nan)


def _xarray_spatial(lazy: object, seeds: np.ndarray) -> tuple[float, np.ndarray]:
    from xrspatial import cost_distance

    raster = lazy.copy(data=seeds.astype("float64")).chunk(lazy.chunksizes)  # type: ignore[attr-defined]
    begin = time.perf_counter()
    cost = cost_distance(raster, lazy).values
    return time.perf_counter() - begin, cost


if __name__ == "__main__":
    main()
