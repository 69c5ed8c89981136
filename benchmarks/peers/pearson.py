"""Pearson's r with p over time: our kernel, xskillscore, xarray and scipy.

Target: at least 5 times the throughput of ``xskillscore.pearson_r_p_value`` per pixel and core, r
and p equal to scipy's to 1e-12. In float32 xskillscore computes in single precision, and
its p is wrong from the seventh digit on; ours are float64 either way.
"""

from __future__ import annotations

import itertools
import time
import warnings
from functools import partial

import numpy as np
import xarray as xr
import xskillscore
from scipy import stats

from benchmarks.measure import best_of, peak_memory, table
from mineeco_xr.kernels.correlation import correlate_series

YEARS, PIXELS, SAMPLE = 24, 500_000, 1000

thread_seconds = partial(best_of, clock=time.thread_time)


def series(gaps: float, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return two correlated sets of series, some with gaps."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=(YEARS, PIXELS)).astype(dtype)
    two = (np.linspace(-2, 2, PIXELS) * one + rng.normal(size=one.shape)).astype(dtype)
    one[rng.random(one.shape) < gaps] = np.nan
    two[rng.random(one.shape) < gaps] = np.nan
    return one, two


def scipy_sample(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """Return seconds a pixel of scipy, and the largest difference of r and p from ours."""
    ours = correlate_series([one[:, :SAMPLE], two[:, :SAMPLE]])
    begin, worst = time.thread_time(), 0.0
    for i in range(SAMPLE):
        use = np.isfinite(one[:, i]) & np.isfinite(two[:, i])
        found = stats.pearsonr(one[use, i].astype("float64"), two[use, i].astype("float64"))
        worst = max(worst, abs(found.statistic - ours[0, i]), abs(found.pvalue - ours[1, i]))
    return (time.thread_time() - begin) / SAMPLE, worst


def main() -> None:
    """Compare on whole series and on series with gaps."""
    rows = []
    for dtype, gaps in itertools.product(("float32", "float64"), (0.0, 0.05)):
        one, two = series(gaps, dtype)
        layers = [xr.DataArray(values, dims=("time", "pixel")) for values in (one, two)]
        with peak_memory() as memory:
            ours = thread_seconds(lambda v=(one, two): correlate_series(v)) / PIXELS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = partial(xskillscore.pearson_r_p_value, *layers, dim="time", skipna=gaps > 0)
            peer = thread_seconds(theirs)
            wrong = np.nanmax(np.abs(theirs().values - correlate_series([one, two])[1]))
            only_r = thread_seconds(lambda v=layers: xr.corr(*v, dim="time"))
        scipy, worst = scipy_sample(one, two)
        rows.append(
            {
                "series": f"{dtype}, {gaps:.0%} gaps",
                "ours, r p n (px/s)": f"{1 / ours:,.0f}",
                "xskillscore, p (px/s)": f"{PIXELS / peer:,.0f}",
                "ratio a core": peer / PIXELS / ours,
                "its error of p": f"{wrong:.0e}",
                "xarray, r only (px/s)": f"{PIXELS / only_r:,.0f}",
                "scipy (px/s)": f"{1 / scipy:,.0f}",
                "ours to scipy": f"{worst:.1e}",
                "peak (MiB)": memory.total / 2**20,
            }
        )
    table(f"Pearson of {YEARS} years x {PIXELS:,} pixels, one thread", rows)


if __name__ == "__main__":
    main()
