"""Theil-Sen and Mann-Kendall: our kernel and PyMannKendall's tests, with and without corrections.

Target: at least 250 times per pixel and core. S, p and slope equal to 1e-12, with the corrections
of Yue and Wang and trend-free pre-whitening to 1e-9; with Hamed and Rao's to 1e-9 where
PyMannKendall's own p does not move when the data are jittered by 1e-13, which is counted.
"""

from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist

import numpy as np
import pymannkendall

from benchmarks.measure import best_of, division_rate, peak_memory, table
from mineeco_xr.kernels.autocorrelation import corrected_mann_kendall
from mineeco_xr.kernels.trend import OUTPUTS, sen_mann_kendall

YEARS, PIXELS, SAMPLE = 24, 1_000_000, 2000
PAIRS = YEARS * (YEARS - 1) // 2
CORRECTED_PIXELS, CORRECTED_SAMPLE, JITTERS = 200_000, 500, 4
PEERS = {
    "hamed_rao": pymannkendall.hamed_rao_modification_test,
    "yue_wang": pymannkendall.yue_wang_modification_test,
    "tfpw": pymannkendall.trend_free_pre_whitening_modification_test,
}


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


def corrected(values: np.ndarray, correction: str) -> np.ndarray:
    """Return the whole test as ``trend(correction=...)`` runs it."""
    years = np.arange(float(len(values)))
    fitted = sen_mann_kendall(values, years, 3)
    bound = NormalDist().inv_cdf(0.975)
    return corrected_mann_kendall(values, years, fitted, correction, bound)


def compare_correction(values: np.ndarray, correction: str) -> dict[str, object]:
    """Return speeds and differences of one correction."""
    count = values.shape[1]
    one = best_of(lambda: corrected(values, correction)) / count
    sample = values[:, :: count // CORRECTED_SAMPLE].astype("float64")[:, :CORRECTED_SAMPLE]
    peer = PEERS[correction]
    begin = time.perf_counter()
    results = np.array([peer(series).p for series in sample.T])
    seconds = (time.perf_counter() - begin) / CORRECTED_SAMPLE
    rng = np.random.default_rng(1)
    jittered = [
        [peer(series + rng.normal(scale=1e-13, size=len(values))).p for series in sample.T]
        for _ in range(JITTERS)
    ]
    answers = np.array([results, *jittered])
    own = corrected(sample, correction)[4]
    known = ~np.isnan(answers).any(axis=0)
    still = known & (np.ptp(answers, axis=0) < 1e-9)
    nearest = np.abs(answers - own).min(axis=0)
    return {
        "correction": correction,
        "years": len(values),
        "ours, 1 thread (px/s)": f"{1 / one:,.0f}",
        "PyMannKendall (px/s)": f"{1 / seconds:,.0f}",
        "ratio a core": seconds / one,
        "difference of p, still": f"{np.abs(results - own)[still].max():.0e}",
        "its p moves": f"{(known & ~still).mean():.0%}",
        "to its nearest p, moving": f"{nearest[known & ~still].max(initial=0.0):.0e}",
        "its p is NaN": f"{(~known).mean():.1%}",
    }


def main() -> None:
    """Compare on whole series and on series with gaps, then with each correction."""
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
    warnings.filterwarnings("ignore", "invalid value encountered in sqrt", RuntimeWarning)
    values = series(0.0)[:, :: PIXELS // CORRECTED_PIXELS]
    rows = [
        compare_correction(np.ascontiguousarray(values[:length]), correction)
        for length in (YEARS, YEARS - 1)
        for correction in PEERS
    ]
    table(f"trend with a correction, {CORRECTED_PIXELS:,} pixels, float32", rows)


if __name__ == "__main__":
    main()
