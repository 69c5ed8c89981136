"""LandTrendr: our kernel and the plain Python writing of its steps that the tests hold it to.

Target: at least 150,000 series of 24 years a second and core. No package on PyPI segments after
LandTrendr; the pure-Python port of the IDL code runs at some 240 series a second.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.measure import division_rate, peak_memory, table
from mineeco_xr.kernels.landtrendr import landtrendr

YEARS, PIXELS, SAMPLE = 24, 500_000, 300
TESTS = Path(__file__).parents[2] / "tests" / "kernels" / "test_landtrendr.py"


def series(kind: str, gaps: float) -> np.ndarray:
    """Return series with a loss as an increase: cleared and regrowing ones, or noise alone."""
    rng = np.random.default_rng(0)
    values = rng.normal(0.0, 0.02, (YEARS, PIXELS)).astype("float32")
    if kind == "clearing":
        year = np.arange(YEARS)[:, None]
        when, size = rng.integers(2, YEARS - 2, PIXELS), rng.uniform(0.15, 0.35, PIXELS)
        values += size * (year >= when) * np.clip(1 - 0.6 * (year - when) / 8, 0.4, 1)
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def second_writing() -> ModuleType:
    """Return the module of the tests, which is in no package."""
    spec = importlib.util.spec_from_file_location("second_writing", TESTS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own_seconds(values: np.ndarray, years: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the result and the seconds of this thread: the second run, which is not compiled."""
    landtrendr(values[:, :2], years)
    begin = time.thread_time()
    result = landtrendr(values, years)
    return result, time.thread_time() - begin


def main() -> None:
    """Compare on cleared series, whole and with gaps, and on noise, which is fitted twice."""
    years, oracle, rows = np.arange(2000.0, 2000 + YEARS), second_writing(), []
    for kind, gaps in (("clearing", 0.0), ("clearing", 0.1), ("noise", 0.0)):
        values = series(kind, gaps)
        with peak_memory() as memory:
            result, seconds = own_seconds(values, years)
        begin = time.thread_time()
        slow = [oracle.second_writing(values[:, i], years) for i in range(SAMPLE)]
        peer = (time.thread_time() - begin) / SAMPLE
        expected = np.array(slow).T
        same = (result[0, :SAMPLE] == expected[0]).mean()
        ours = seconds / PIXELS
        rows.append(
            {
                "series": f"{kind}, gaps {gaps:.0%}",
                "ours (px/s, core)": f"{1 / ours:,.0f}",
                "Python (px/s, core)": f"{1 / peer:,.0f}",
                "ratio": peer / ours,
                "same vertices": f"{same:.1%}",
                "largest difference": f"{np.nanmax(abs(result[:, :SAMPLE] - expected)):.1e}",
                "machine: divisions (million)": division_rate() / 1e6,
                "peak (MiB)": memory.total / 2**20,
            }
        )
    table(f"LandTrendr of {YEARS} years x {PIXELS:,} series, float32", rows)


if __name__ == "__main__":
    main()
