"""Confidence limits of the Theil-Sen slope of many short series."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.slabs import by_slabs
from mineeco_xr.kernels.trend import pair_slopes, score_variance, sort_first


def sen_limits(values: np.ndarray, times: np.ndarray, min_n: int, quantile: float) -> np.ndarray:
    """Return the limits of each series' slope after Sen (1968), eq. 2.6.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing.
    times : ndarray, (t,), float64
        Strictly increasing.
    min_n : int
        Series with fewer values get NaN.
    quantile : float
        Of the standard normal distribution, positive: 1.96 for 95 %.

    Returns
    -------
    ndarray, (2, ...), float64
        The pairwise slopes whose ranks lie ``quantile sqrt(var S)`` apart around the median.
    """
    when = np.array(times, dtype=np.float64)

    def kernel(series: np.ndarray, out: np.ndarray) -> None:
        _each_series(series, when, min_n, quantile, out)

    return by_slabs(kernel, values, 2)


@njit(nogil=True, cache=True)
def _each_series(values, times, min_n, quantile, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value, when = np.empty(length), np.empty(length)
    slopes = np.empty(length * (length - 1) // 2)
    for i in range(count):
        n = 0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n], when[n] = values[t, i], times[t]
                n += 1
        if n < min_n or n < 2:
            out[:, i] = np.nan
            continue
        pairs = slopes[: n * (n - 1) // 2]
        pair_slopes(value, when, n, pairs)
        sort_first(value, n)
        reach = quantile * math.sqrt(score_variance(value, n))
        low = max(int(round((pairs.size - reach) / 2.0)) - 1, 0)
        high = min(int(round((pairs.size + reach) / 2.0)), pairs.size - 1)
        out[0, i] = _select(pairs, low)
        out[1, i] = _select(pairs, high)


@njit(nogil=True, cache=True)
def _select(values, rank):  # type: ignore[no-untyped-def]
    """Return the value of a rank, reordering the values (Hoare 1961)."""
    left, right = 0, values.size - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            break
    return values[rank]
