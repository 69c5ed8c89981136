"""Inverse-distance weighting: our kernel on one core, and SciPy's cKDTree with NumPy's weights.

The processor time of one thread is compared, so that a shared machine does not decide. Scattered
points and points in clusters, 12 neighbours, power 2, a grid of 30 m.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.measure import best_of, table
from mineeco_xr.kernels.inverse_distance import weigh_points
from mineeco_xr.kernels.pair_inversion import invert_pairs

SIDE, SAMPLE_ROWS, NEIGHBOURS = 1000, 50, 12
PIXELS, SAMPLE_PIXELS, EPOCHS = 200_000, 4000, 24

thread_seconds = partial(best_of, clock=time.thread_time)


def places(count: int, clusters: bool) -> np.ndarray:
    """Return points, scattered or in twenty clusters."""
    rng = np.random.default_rng(0)
    width = SIDE * 30.0
    if not clusters:
        return rng.random((count, 2)) * width
    return (
        rng.normal(0, 500, (count, 2)) + (rng.random((20, 2)) * width)[rng.integers(0, 20, count)]
    )


def with_a_tree(points: np.ndarray, values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the map as it is usually made."""
    cells = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    far, near = cKDTree(points).query(cells, k=NEIGHBOURS)
    weights = far**-2.0
    found = (weights * values[near]).sum(axis=1) / weights.sum(axis=1)
    return found.reshape(y.size, x.size)


def maps() -> None:
    """Compare maps."""
    rows = []
    x = np.arange(SIDE) * 30.0 + 15
    options = {"power": 2.0, "neighbours": NEIGHBOURS, "radius": np.inf}
    for clusters in (False, True):
        for count in (100, 1000, 10_000, 100_000):
            points = places(count, clusters)
            values = np.random.default_rng(1).normal(size=count)
            found, _ = weigh_points(points, values[:, None], x, x[:SAMPLE_ROWS], **options)
            expected = with_a_tree(points, values, x, x[:SAMPLE_ROWS])
            ours = thread_seconds(
                lambda p=points, v=values: weigh_points(p, v[:, None], x, x, **options), 1
            )
            peer = thread_seconds(
                lambda p=points, v=values: with_a_tree(p, v, x, x[:SAMPLE_ROWS]), 1
            )
            ours, peer = ours / SIDE**2, peer / (SAMPLE_ROWS * SIDE)
            rows.append(
                {
                    "points": f"{count:,} {'in clusters' if clusters else 'scattered'}",
                    "ours (ns/cell)": ours * 1e9,
                    "cKDTree (ns/cell)": peer * 1e9,
                    "ratio": peer / ours,
                    "largest difference": f"{np.abs(found[0] - expected).max():.1e}",
                }
            )
    table(f"IDW of {NEIGHBOURS} neighbours on {SIDE} x {SIDE} cells, one thread", rows)


def series() -> None:
    """Compare the inversion of pairs with a least-squares solve for each pixel."""
    rng = np.random.default_rng(0)
    links = [(i, j) for i in range(EPOCHS) for j in range(i + 1, min(i + 4, EPOCHS))]
    first, second = np.array(links).T
    design = np.zeros((len(links), EPOCHS))
    design[np.arange(len(links)), second], design[np.arange(len(links)), first] = 1, -1
    design = design[:, 1:]
    rows = []
    for gaps in (0.0, 0.1):
        values = rng.normal(size=(len(links), PIXELS))
        values[rng.random(values.shape) < gaps] = np.nan
        days = np.arange(EPOCHS) * 12.0

        def ours(values: np.ndarray = values, days: np.ndarray = days) -> np.ndarray:
            return invert_pairs(values, first, second, days, minimum_norm=False)

        def peer(values: np.ndarray = values) -> np.ndarray:
            out = np.full((EPOCHS - 1, SAMPLE_PIXELS), np.nan)
            for i in range(SAMPLE_PIXELS):
                known = np.isfinite(values[:, i])
                found, _, rank, _ = np.linalg.lstsq(design[known], values[known, i], rcond=None)
                if rank == EPOCHS - 1:
                    out[:, i] = found
            return out

        one, other = thread_seconds(ours, 1) / PIXELS, thread_seconds(peer, 1) / SAMPLE_PIXELS
        difference = np.nanmax(np.abs(ours()[1:EPOCHS, :SAMPLE_PIXELS] - peer()))
        rows.append(
            {
                "gaps": f"{gaps:.0%}",
                "ours (ns/pixel)": one * 1e9,
                "numpy lstsq (ns/pixel)": other * 1e9,
                "ratio": other / one,
                "largest difference": f"{difference:.1e}",
            }
        )
    table(f"{len(links)} pairs to {EPOCHS} dates, one thread", rows)


if __name__ == "__main__":
    maps()
    series()
