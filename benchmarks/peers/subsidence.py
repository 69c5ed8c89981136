"""Subsidence over many panels: our closed form on one core, and windowed NumPy with SciPy's erf.

4750 x 4750 cells of 30 m, 500 and 5000 panels of any azimuth, a final map and 20 years. The peer
does what a good script does: the window that a panel reaches, its four error functions there, and
for each year the window times the year's share. Processor time of one thread, so that a shared
machine does not decide. Targets: the map in a tenth of the peer's time, 20 years in a quarter.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from scipy.special import erf

from benchmarks.measure import table
from mineeco_xr.kernels.erf import erf as fast_erf
from mineeco_xr.kernels.subsidence_rectangle import PRODUCTS, Rectangles, superpose_rectangles

SIDE, CELL, BLOCK, CUTOFF, YEARS = 4750, 30.0, 512, 2.2, 20
X = CELL * (np.arange(SIDE) + 0.5)
Y = CELL * (SIDE - 0.5 - np.arange(SIDE))


def thread_seconds(function: Callable[[], Any], repeats: int = 3) -> float:
    """Return the least processor time of this thread over a few calls, after one not counted."""
    function()
    times = []
    for _ in range(repeats):
        begin = time.thread_time()
        function()
        times.append(time.thread_time() - begin)
    return min(times)


def panels(count: int) -> tuple[Rectangles, np.ndarray]:
    """Return panels in clusters, as mines lie, and their greatest subsidence."""
    rng = np.random.default_rng(0)
    mines = rng.random((40, 2)) * SIDE * CELL
    middle = mines[rng.integers(0, 40, count)] + rng.normal(0, 4000, (count, 2))
    length, width = rng.uniform(600, 2500, count), rng.uniform(120, 260, count)
    radius = rng.uniform(400, 1000, count) / rng.uniform(1.6, 2.2, count)
    azimuth = rng.uniform(0, 2 * np.pi, count)
    strike = np.column_stack([np.sin(azimuth), np.cos(azimuth)])
    found = Rectangles(
        middle.clip(0, SIDE * CELL),
        strike,
        np.column_stack([-strike[:, 1], strike[:, 0]]),
        np.column_stack([-width / 2, width / 2]),
        np.repeat(radius[:, None], 3, axis=1),
        2 * np.arange(count + 1),
        np.column_stack([-length / 2, length / 2]).ravel(),
    )
    return found, rng.uniform(2, 6, count)


def with_numpy(mined: Rectangles, most: np.ndarray, out: np.ndarray, shares: np.ndarray) -> None:
    """Add panels to ``out`` (years, y, x), window by window."""
    for p, w0 in enumerate(most):
        (x0, y0), (sx, sy), (tx, ty) = mined.origin[p], mined.strike[p], mined.rise[p]
        r, half_l, half_w = mined.radius[p, 0], mined.cuts[2 * p + 1], mined.edges[p, 1]
        far_s, far_t = half_l + CUTOFF * r, half_w + CUTOFF * r
        reach_x, reach_y = (abs(a) * far_s + abs(b) * far_t for a, b in ((sx, tx), (sy, ty)))
        i0, i1 = np.searchsorted(X, [x0 - reach_x, x0 + reach_x])
        j0, j1 = np.searchsorted(-Y, [-y0 - reach_y, -y0 + reach_y])
        dx, dy = X[i0:i1] - x0, (Y[j0:j1] - y0)[:, None]
        s, t, k = dx * sx + dy * sy, dx * tx + dy * ty, np.sqrt(np.pi) / r
        window = erf(k * (s + half_l)) - erf(k * (s - half_l))
        window *= erf(k * (t + half_w)) - erf(k * (t - half_w))
        window *= w0 / 4
        for year, share in enumerate(shares):
            out[year, j0:j1, i0:i1] += share * window


def blockwise(
    mined: Rectangles, response: np.ndarray, weights: np.ndarray, dtype: str, rows: int = SIDE
) -> float:
    """Compute block by block, as chunks are, and return the greatest value."""
    greatest = 0.0
    for j in range(0, rows, BLOCK):
        for i in range(0, SIDE, BLOCK):
            block = superpose_rectangles(
                mined, Y[j : j + BLOCK], X[i : i + BLOCK], response, weights, cutoff=CUTOFF,
                dtype=dtype,
            )  # fmt: skip
            greatest = max(greatest, float(block[-1, 0, 0, 0]))
    return greatest


def cell_panels(mined: Rectangles) -> float:
    """Return how many cells all panels reach together."""
    reach = CUTOFF * mined.radius[:, 0]
    area = (mined.cuts[1::2] + reach) * (mined.edges[:, 1] + reach) * 4
    return float(area.sum()) / CELL**2


def floor() -> float:
    """Return the seconds that four error functions take in float32."""
    x = np.linspace(-4, 4, 4096, dtype="float32")
    return 4 * thread_seconds(lambda: _errors(x, np.empty_like(x), 500)) / (500 * x.size)


@njit(nogil=True, error_model="numpy")
def _errors(x, out, repeats):
    for _ in range(repeats):
        for i in range(x.size):
            out[i] = fast_erf(x[i])


def maps(counts: tuple[int, ...]) -> None:
    """Compare a final map and 20 years."""
    rows = []
    for count in counts:
        mined, most = panels(count)
        response = np.zeros((count, 1, len(PRODUCTS)))
        response[:, 0, 0] = most
        cells = cell_panels(mined)
        for years in (1, YEARS):
            shares = np.linspace(1 / years, 1, years)
            weights = np.repeat(shares[:, None], count, axis=1)
            grid = np.zeros((years, SIDE, SIDE), dtype="float32" if years > 1 else "float64")
            begin = time.thread_time()
            with_numpy(mined, most, grid, shares)
            peer = time.thread_time() - begin
            j, i = np.unravel_index(np.argmax(grid[-1]), grid.shape[1:])
            j, i = (max(0, int(n) - BLOCK // 2) for n in (j, i))
            part = superpose_rectangles(
                mined, Y[j : j + BLOCK], X[i : i + BLOCK], response, weights, cutoff=CUTOFF
            )
            off = np.abs(part[-1, 0] - grid[-1, j : j + BLOCK, i : i + BLOCK]).max()
            del grid
            ours = thread_seconds(
                lambda m=mined, f=response, w=weights: blockwise(m, f, w, "float32")
            )
            rows.append(
                {
                    "panels, years": f"{count:,}, {years}",
                    "ours (s)": ours,
                    "NumPy (s)": peer,
                    "ratio": peer / ours,
                    "M cell-panels/s": cells / ours / 1e6,
                    "M cell-panel-years/s": cells * years / ours / 1e6,
                    "largest difference (m)": f"{off:.1e}",
                }
            )
    table(f"{SIDE} x {SIDE} cells, blocks of {BLOCK}, float32, one thread", rows)


def components() -> None:
    """Time float64, and all eleven components."""
    mined, most = panels(500)
    cells, ones = cell_panels(mined), np.ones((1, 500))
    rng = np.random.default_rng(1)
    rows = []
    for name, count, dtype in (
        ("subsidence", 1, "float32"), ("subsidence", 1, "float64"), ("all eleven", 11, "float32"),
    ):  # fmt: skip
        response = np.zeros((500, count, len(PRODUCTS)))
        response[:, 0, 0] = most
        response[:, 1:] = rng.normal(size=(500, count - 1, len(PRODUCTS)))
        seconds = thread_seconds(lambda f=response, d=dtype: blockwise(mined, f, ones, d), 1)
        rows.append({"what": f"{name}, {dtype}", "M cell-panels/s": cells / seconds / 1e6})
    rows.append({"what": "four erf in float32 alone", "M cell-panels/s": 1e-6 / floor()})
    table("One thread", rows)


if __name__ == "__main__":
    maps((500,) if "--small" in sys.argv else (500, 5000))
    components()
