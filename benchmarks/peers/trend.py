"""Theil-Sen and Mann-Kendall: our kernel and PyMannKendall's ``original_test``.

Target: at least 200 times per pixel and core, with S, p and slope equal to 1e-12.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pymannkendall

from benchmarks.measure import best_of, division_rate, peak_memory, table
from mineeco_xr.kernels.trend import OUTPUTS, sen_mann_kendall

YEARS, PIXELS, SAMPLE = 24, 1_000_000, 2000
PAIRS = YEARS * (YEARS - 1) // 2


def series(gaps: float) -> np.ndarray:
    """Return red-noise series with a slope, some of them with gaps."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(YEARS, PIXELS)).cumsum(axis=0) * 0.05 + 1
    values += np.linspace(-0.2, 0.2, PIXELS) * np.arange(YEARS)[:, None] / YEARS
    values[rng.random(values.shape) < gaps] = np.nan
    return values.astype("float32")


def peer_seconds(values: np.ndarray) -> tuple[float, float]:
    """Return seconds a pixel of the peer, and the largest difference of S, p and slope."""
    years = np.arange(YEARS, dtype="float64")
    ours = dict(zip(OUTPUTS, sen_mann_kendall(values[:, :SAMPLE], years, 3), strict=True))
    begin = time.perf_counter()
    results = [pymannkendall.original_test(values[:, i].astype("float64")) for i in range(SAMPLE)]
    seconds = (time.perf_counter() - begin) / SAMPLE
    differences = [
        max(abs(ours["s"][i] - r.s), abs(ours["p"][i] - r.p), abs(ours["slope"][i] - r.slope))
        for i, r in enumerate(results)
    ]
    return seconds, max(differences)


def main() -> None:
    """Compare on whole series and on series with gaps."""
    years = np.arange(YEARS, dtype="float64")
    rows = []
    for gaps in (0.0, 0.05):
        values = series(gaps)
        with peak_memory() as memory:
            one = best_of(lambda v=values: sen_mann_kendall(v, years, 10)) / PIXELS
            halves = [np.ascontiguousarray(half) for half in np.array_split(values, 2, axis=1)]

            def both(parts: list[np.ndarray] = halves) -> None:
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(lambda part: sen_mann_kendall(part, years, 10), parts))

            two = best_of(both) / PIXELS
        peer, difference = peer_seconds(values)
        rows.append(
            {
                "gaps": f"{gaps:.0%}",
                "ours, 1 thread (px/s)": f"{1 / one:,.0f}",
                "ours, 2 threads (px/s)": f"{1 / two:,.0f}",
                "PyMannKendall (px/s)": f"{1 / peer:,.0f}",
                "ratio a core": peer / one,
                "largest difference": f"{difference:.1e}",
                "pairs a second (million)": PAIRS / one / 1e6,
                "machine: divisions (million)": division_rate() / 1e6,
                "peak (MiB)": memory.total / 2**20,
            }
        )
    table(f"trend of {YEARS} years x {PIXELS:,} pixels, float32", rows)


if __name__ == "__main__":
    main()
