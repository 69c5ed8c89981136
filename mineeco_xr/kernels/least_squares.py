"""Least-squares line of many short series."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.slabs import by_slabs

OUTPUTS = ("slope", "intercept", "r", "error", "n")


def least_squares(values: np.ndarray, times: np.ndarray, min_n: int) -> np.ndarray:
    """Return slope, intercept, correlation, standard error of the slope and n of each series.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing.
    times : ndarray, (t,), float64
        Strictly increasing.
    min_n : int
        At least 3; series with fewer values get NaN everywhere but in ``n``.

    Returns
    -------
    ndarray, (5, ...), float64
        In the order of ``OUTPUTS``. A constant series has a slope and a correlation of 0.
    """
    when = np.array(times, dtype=np.float64)

    def kernel(series: np.ndarray, out: np.ndarray) -> None:
        _each_series(series, when, min_n, out)

    return by_slabs(kernel, values, len(OUTPUTS))


@njit(nogil=True, cache=True)
def _each_series(values, times, min_n, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value, when = np.empty(length), np.empty(length)
    for i in range(count):
        n, y, x = 0, 0.0, 0.0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n], when[n] = values[t, i], times[t]
                y += value[n]
                x += when[n]
                n += 1
        out[4, i] = n
        if n < min_n:
            out[:4, i] = np.nan
            continue
        y, x = y / n, x / n
        xx, xy, yy, steps = 0.0, 0.0, 0.0, 0.0
        for k in range(n):
            dx, dy = when[k] - x, value[k] - y
            xx += dx * dx
            xy += dx * dy
            yy += dy * dy
            steps = max(steps, abs(value[k] - value[0]))
        if steps == 0.0:
            # The mean of equal values rounds: what is left of them is no variation.
            xy, yy = 0.0, 0.0
        slope = xy / xx
        r = min(max(xy / math.sqrt(xx * yy), -1.0), 1.0) if yy > 0.0 else 0.0
        out[0, i] = slope
        out[1, i] = y - slope * x
        out[2, i] = r
        out[3, i] = math.sqrt(max(1.0 - r * r, 0.0) * (yy / xx) / (n - 2.0))
