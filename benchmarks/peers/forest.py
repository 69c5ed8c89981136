"""Forest prediction: ours and scikit-learn, 100 trees, 8 predictors, a million cells."""

from __future__ import annotations

import argparse
import time

import dask
import numpy as np
import xarray as xr

import mineeco_xr as mx
from benchmarks.measure import best_of, peak_memory, table
from mineeco_xr.testing import with_grid

FEATURES, TREES, SAMPLES, CHUNK = 8, 100, 6000, 500


def main() -> None:
    """Compare a regression forest whose trees are grown to the last sample."""
    from sklearn.ensemble import RandomForestRegressor

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1000, help="cells a side of the raster")
    side = parser.parse_args().side
    rng = np.random.default_rng(0)
    train = rng.normal(size=(SAMPLES, FEATURES)).astype("float32")
    target = 2 * train[:, 0] + np.sin(3 * train[:, 1]) + rng.normal(size=SAMPLES) / 2
    forest = RandomForestRegressor(TREES, n_jobs=2, random_state=0).fit(train, target)
    layers = rng.normal(size=(FEATURES, side, side)).astype("float32")
    cube = xr.Dataset({f"band{i}": with_grid(layer) for i, layer in enumerate(layers)})
    lazy = cube.chunk(y=CHUNK, x=CHUNK)
    cells = layers.reshape(FEATURES, -1).T.copy()

    begin = time.perf_counter()
    built = mx.evaluate_forest(lazy, forest)["mean"]
    building = time.perf_counter() - begin

    def ours(threads: int) -> xr.DataArray:
        with dask.config.set(scheduler="threads", num_workers=threads):
            return built.compute()

    with peak_memory() as memory:
        two = best_of(lambda: ours(2), 2)
    one = best_of(lambda: ours(1), 1)
    their = best_of(lambda: forest.predict(cells), 1)
    forest.n_jobs = 1
    serial = forest.predict(cells[: side * 20])
    difference = np.abs(ours(2).values.ravel()[: serial.size] - serial).max()
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    # The fewest steps that lead to so many leaves: a limit of the algorithm, not of the machine.
    steps = cells.shape[0] * TREES * np.log2(nodes / TREES / 2)
    rows = [
        {"what": "ours, 2 threads (s)", "value": two},
        {"what": "ours, 1 thread (s)", "value": one},
        {"what": "ours (thousand cells a second, 2 threads)", "value": side**2 / two / 1e3},
        {"what": "scikit-learn, n_jobs=2 (s)", "value": their},
        {"what": "ratio", "value": their / two},
        {"what": "largest difference from n_jobs=1", "value": float(difference)},
        {"what": "ns a step down a tree, 1 thread", "value": one / steps * 1e9},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
        {"what": "tasks", "value": len(built.__dask_graph__())},
        {"what": "building the graph, forest packed (s)", "value": building},
    ]
    title = f"forest, {side} x {side} cells, {FEATURES} float32 predictors, {TREES} trees"
    table(f"{title}, {nodes} nodes, chunks of {CHUNK}", rows)


if __name__ == "__main__":
    main()
