"""Pettitt's test: our kernel and pyhomogeneity's ``pettitt_test`` with its approximate p.

Target: at least 400 times per pixel and core, with equal U, change point, p and means.
"""

from __future__ import annotations

import time

import numpy as np
import pyhomogeneity

from benchmarks.measure import best_of, table
from mineeco_xr.kernels.pettitt import OUTPUTS, exact_p, pettitt_test

YEARS, PIXELS, SAMPLE = 24, 1_000_000, 2000
NO_TABLE = np.ones((1, 1))


def series(gaps: float) -> np.ndarray:
    """Return noise whose level changes in the middle, more and more over the pixels."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(YEARS, PIXELS))
    values[YEARS // 2 :] += np.linspace(0, 2, PIXELS)
    values[rng.random(values.shape) < gaps] = np.nan
    return values.astype("float32")


def largest_difference(found: np.ndarray, results: list, values: np.ndarray) -> float:
    """Return by how much U, the change point, p or a mean differs at most."""
    ours = dict(zip(OUTPUTS, found, strict=True))
    worst = 0.0
    for i, peer in enumerate(results):
        places = np.flatnonzero(np.isfinite(values[:, i]))
        pairs = (
            (abs(ours["u"][i]), peer.U),
            (ours["last"][i] + 1, peer.cp if places.size == YEARS else ours["last"][i] + 1),
            (ours["p"][i], min(peer.p, 1.0)),
            (ours["mean_before"][i], peer.avg.mu1),
            (ours["mean_after"][i], peer.avg.mu2),
        )
        worst = max(worst, *(abs(own - other) for own, other in pairs))
    return worst


def main() -> None:
    """Compare on whole series and on series with gaps; time the exact distribution."""
    rows = []
    for gaps in (0.0, 0.05):
        values = series(gaps)
        one = best_of(lambda v=values: pettitt_test(v, 10, NO_TABLE)) / PIXELS
        sample = values[:, :: PIXELS // SAMPLE].astype("float64")
        begin = time.perf_counter()
        results = [pyhomogeneity.pettitt_test(sample[:, i], sim=None) for i in range(SAMPLE)]
        peer = (time.perf_counter() - begin) / SAMPLE
        rows.append(
            {
                "gaps": f"{gaps:.0%}",
                "ours, 1 thread (px/s)": f"{1 / one:,.0f}",
                "pyhomogeneity (px/s)": f"{1 / peer:,.0f}",
                "ratio a core": peer / one,
                "largest difference": (
                    f"{largest_difference(pettitt_test(sample, 4, NO_TABLE), results, sample):.1e}"
                ),
            }
        )
    table(f"Pettitt of {YEARS} years x {PIXELS:,} pixels, float32", rows)
    exact_p(5)
    begin = time.perf_counter()
    for n in range(4, 20):
        exact_p(n)
    print(f"exact p of 4 to 19 dates, once a process: {time.perf_counter() - begin:.2f} s")


if __name__ == "__main__":
    main()
