"""Natural breaks: ours on all values of a chunked raster, mapclassify on a sample of 20,000."""

from __future__ import annotations

import argparse
import time

import numpy as np

import mineeco_xr as mx
from benchmarks.measure import best_of, copy_bandwidth, peak_memory, table
from mineeco_xr.kernels.jenks import optimal_classes
from mineeco_xr.testing import with_grid

SAMPLE = 20_000


def scene(side: int) -> np.ndarray:
    """Return a risk-like raster: three populations and a tail, in steps of a hundred thousandth.

    The steps keep the exact optimum over all values, which the others are held against, at hand.
    """
    rng = np.random.default_rng(0)
    values = rng.standard_normal((side, side), dtype="float32")
    values[: side // 3] = values[: side // 3] * 0.5 + 4
    values[-side // 4 :] = np.exp(values[-side // 4 :])
    np.round(values, 5, out=values)
    return values


class Spread:
    """Sum of squares within classes over all values, from their sorted distinct ones."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.counts = np.unique(values, return_counts=True)
        wide = self.values.astype("float64")
        self.centre = np.average(wide, weights=self.counts)
        apart = wide - self.centre
        self.sums = [np.cumsum(self.counts * apart**power) for power in range(3)]

    def left(self, breaks: np.ndarray) -> float:
        """Return what is left within the classes of these upper bounds."""
        ends = np.searchsorted(self.values, breaks, side="right") - 1
        ends[-1] = self.values.size - 1
        count, first, second = (np.diff(total[ends], prepend=0) for total in self.sums)
        return float((second - first**2 / count).sum())

    def least(self, k: int) -> tuple[np.ndarray, float]:
        """Return the breaks of the exact optimum, and its seconds."""
        begin = time.perf_counter()
        ends, _ = optimal_classes(self.values.astype("float64"), self.counts, k)
        return self.values[ends].astype("float64"), time.perf_counter() - begin


def main() -> None:
    """Compare times and how close each comes to the exact optimum of all values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10_000, help="cells a side of the raster")
    parser.add_argument("--chunk", type=int, default=2000, help="cells a side of a chunk")
    parser.add_argument("-k", type=int, default=5, help="classes")
    options = parser.parse_args()
    values = scene(options.side)
    lazy = with_grid(values, name="risk").chunk(options.chunk)
    begin = time.perf_counter()
    built = mx.natural_breaks(lazy, options.k)
    building = time.perf_counter() - begin
    with peak_memory() as memory:
        mine = best_of(built.compute, 2)
    found = built.compute()
    spread = Spread(values.ravel())
    exact, exact_seconds = spread.least(options.k)
    least = spread.left(exact)
    rows = [
        {"what": "ours, all values (s)", "value": mine},
        {"what": "ours: within-class sum above the optimum", "value": _above(spread, found, least)},
        {"what": "ours: stated bound, share of the total", "value": float(found["goodness_bound"])},
        {"what": f"exact optimum of {spread.values.size:,} values (s)", "value": exact_seconds},
        *_mapclassify(values, options.k, spread, least, mine),
        {"what": "share of copy bandwidth", "value": values.nbytes / mine / copy_bandwidth(2)},
        {"what": "peak (MiB)", "value": memory.total / 2**20},
        {"what": "tasks", "value": len(dict(built.__dask_graph__()))},
        {"what": "building the graph (s)", "value": building},
    ]
    table(f"natural breaks, k = {options.k}, {values.size:.3g} float32 values, threads", rows)


def _above(spread: Spread, breaks: np.ndarray, least: float) -> float:
    return spread.left(np.asarray(breaks)) / least - 1


def _mapclassify(
    values: np.ndarray, k: int, spread: Spread, least: float, mine: float
) -> list[dict[str, object]]:
    try:
        from mapclassify import FisherJenks
    except ImportError:
        return [{"what": "mapclassify is not installed", "value": "-"}]
    sample = np.random.default_rng(1).choice(values.ravel(), SAMPLE)
    seconds = best_of(lambda: FisherJenks(sample, k=k), 1)
    above = _above(spread, FisherJenks(sample, k=k).bins, least)
    return [
        {"what": f"mapclassify, {SAMPLE:,} values (s)", "value": seconds},
        {"what": "mapclassify: within-class sum above the optimum", "value": above},
        {"what": "ratio of times", "value": seconds / mine},
    ]


if __name__ == "__main__":
    main()
