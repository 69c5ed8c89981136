"""Exact partitions into lines, and measures of recovery: our kernels and their peers.

Partitions: ``ruptures.Dynp`` with its cost of linear regression, the same least squares. Recovery:
``spectral_recovery``. Targets: equal to 1e-9, and at least LandTrendr's 150,000 pixels a second and
core for 24 years. Times are of the process, one thread each.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from benchmarks.measure import best_of, table
from mineeco_xr.kernels.events import FILTERS, loss_events, year_steps
from mineeco_xr.kernels.piecewise import piecewise_lines
from mineeco_xr.kernels.recovery import FIELDS, recovery_measures

YEARS, PIXELS, SAMPLE, BREAKS, SHORTEST = 24, 200_000, 40, 3, 3
CALENDAR = np.arange(2001, 2001 + YEARS)

seconds_of = partial(best_of, clock=time.process_time)


def series(gaps: float, pixels: int = PIXELS) -> np.ndarray:
    """Return NDVI with a sudden loss in half of the cells and a slow return."""
    rng = np.random.default_rng(0)
    first = rng.integers(2005, 2021, pixels)
    after = CALENDAR[:, None] - first
    lost = rng.uniform(0.15, 0.35, pixels) * (rng.random(pixels) < 0.5)
    values = 0.7 - lost * (after >= 0) * np.exp(-np.maximum(after, 0) / 12)
    values += rng.normal(0, 0.02, values.shape)
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def disturbance_of(values: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the greatest loss of each series, from its segments."""
    limits = np.array([[-np.inf, np.inf]] * len(FILTERS))
    limits[FILTERS.index("magnitude")] = 0.1, np.inf
    years = CALENDAR.astype("float64")
    events, _ = loss_events(
        *(segments, values, years, years),
        loss_is_decrease=True,
        limits=limits,
        join_rate=0.5,
        which="greatest",
    )
    return events


def partitions() -> None:
    """Compare speed and sums of squares, three breaks being asked for."""
    import ruptures

    rows: list[dict[str, str]] = []
    rates = []
    years = CALENDAR.astype("float64")
    how = {"max_breaks": BREAKS, "min_length": SHORTEST}
    for gaps in (0.0, 0.05):
        values = series(gaps)
        own = seconds_of(lambda v=values: piecewise_lines(v, years, **how)) / PIXELS
        whole = seconds_of(lambda v=values: disturbance_of(v, piecewise_lines(v, years, **how)))
        drops = seconds_of(lambda v=values: disturbance_of(v, year_steps(v, years)))
        few = values[:, : PIXELS // 20]
        hinges = seconds_of(lambda v=few: piecewise_lines(v, years, continuous=True, **how))
        rates.append(1 / own)
        rows.append(
            {
                "gaps": f"{gaps:.0%}",
                "lines (px/s)": f"{1 / own:,.0f}",
                "with the loss (px/s)": f"{PIXELS / whole:,.0f}",
                "largest drop (px/s)": f"{PIXELS / drops:,.0f}",
                "continuous (px/s)": f"{few.shape[1] / hinges:,.0f}",
            }
        )
    values = series(0.0, SAMPLE)
    ours = piecewise_lines(values, years, breaks=BREAKS, min_length=SHORTEST)
    begin = time.process_time()
    differences, equal = [], 0
    for i in range(SAMPLE):
        signal = np.c_[values[:, i], np.ones(YEARS), years - years.mean()]
        peer = ruptures.Dynp(model="linear", min_size=SHORTEST, jump=1).fit(signal)
        ends = peer.predict(n_bkps=BREAKS)
        squares = peer.cost.sum_of_costs(ends)
        differences.append(abs(ours[1, i] ** 2 * YEARS - squares) / squares)
        equal += np.array_equal(ours[2:10:2, i], years[[0, *ends[:-1]]])
    peer_rate = SAMPLE / (time.process_time() - begin)
    rows[0] |= {
        "ruptures (px/s)": f"{peer_rate:,.1f}",
        "ratio": f"{rates[0] / peer_rate:,.0f}",
        "equal breaks": f"{equal}/{SAMPLE}",
        "sums differ by": f"{max(differences):.1e}",
    }
    table(f"up to {BREAKS} breaks, {YEARS} years, float64", rows)


def recovery() -> None:
    """Compare the measures of cells disturbed in one year, the peer's only case."""
    import geopandas as gpd  # noqa: F401  the peer needs it
    import xarray as xr
    from spectral_recovery import metrics

    side = 300
    values = series(0.0, side * side)
    stack = xr.DataArray(
        values.reshape(1, YEARS, side, side),
        dims=("band", "time", "y", "x"),
        coords={"time": CALENDAR.astype(str).astype("datetime64[ns]")},
    )
    target = stack.isel(time=slice(5, 7)).mean("time")
    calls = {
        "delta_ir": lambda: metrics.deltair(2009, stack),
        "yryr": lambda: metrics.yryr(2009, stack),
        "r80p": lambda: metrics.r80p(2009, stack, target),
        "y2r": lambda: metrics.y2r(2009, stack, target),
    }
    lost, start = np.full(side * side, 2008.0), np.full(side * side, 2009.0)
    how = {"share": 0.8, "window": 5, "pre_years": 2, "trend_years": 10}
    goal = target.values.reshape(1, -1)

    def ours() -> np.ndarray:
        return recovery_measures(values, CALENDAR, lost, start, goal, **how)

    found = dict(zip(FIELDS, ours(), strict=True))
    own, rows = seconds_of(ours), []
    for name, call in calls.items():
        peer = np.asarray(call()).reshape(-1)
        if name == "y2r":
            peer = np.where(peer == -9999, np.nan, peer)
        same = np.array_equal(np.isnan(peer), np.isnan(found[name]))
        rows.append(
            {
                "measure": name,
                "spectral_recovery (ns/px)": seconds_of(call) / side**2 * 1e9,
                "ours, all twelve (ns/px)": own / side**2 * 1e9,
                "largest difference": f"{np.nanmax(np.abs(peer - found[name])):.1e}",
                "nodata equal": same,
            }
        )
    table(f"recovery of {side * side:,} pixels, {YEARS} years, one year of disturbance", rows)


def main() -> None:
    """Compare both."""
    partitions()
    recovery()


if __name__ == "__main__":
    main()
