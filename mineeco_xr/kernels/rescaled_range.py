"""Hurst exponent of many series by the rescaled range."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mineeco_xr.kernels.slabs import by_slabs

SHORTEST_WINDOW = 6


def expected_range(longest: int) -> np.ndarray:
    """Return the expected rescaled range of independent normal values (Anis and Lloyd 1976).

    Parameters
    ----------
    longest : int
        Longest window.

    Returns
    -------
    ndarray, (longest + 1,), float64
        ``E[n] = gamma((n-1)/2) / (sqrt(pi) gamma(n/2)) sum_{i=1}^{n-1} sqrt((n-i)/i)``,
        NaN below 2.
    """
    expected = np.full(longest + 1, np.nan)
    for n in range(2, longest + 1):
        i = np.arange(1.0, n)
        factor = math.exp(math.lgamma((n - 1) / 2) - math.lgamma(n / 2)) / math.sqrt(math.pi)
        expected[n] = factor * np.sqrt((n - i) / i).sum()
    return expected


def hurst_exponent(values: np.ndarray, min_n: int, expected: np.ndarray) -> np.ndarray:
    """Return the Hurst exponent of each series and the number of its values.

    Parameters
    ----------
    values : ndarray, (t, ...), float
        Series along the first axis; what is not finite is missing, and the series closes up.
    min_n : int
        At least twice ``SHORTEST_WINDOW``; series with fewer values get NaN.
    expected : ndarray, (t + 1,), float64
        From :func:`expected_range`.

    Returns
    -------
    ndarray, (2, ...), float64
        The exponent and n.
    """

    def kernel(series: np.ndarray, out: np.ndarray) -> None:
        _each_series(series, min_n, expected, out)

    return by_slabs(kernel, values, 2)


@njit(nogil=True, cache=True)
def _each_series(values, min_n, expected, out):  # type: ignore[no-untyped-def]
    length, count = values.shape
    value = np.empty(length)
    for i in range(count):
        n = 0
        for t in range(length):
            if np.isfinite(values[t, i]):
                value[n] = values[t, i]
                n += 1
        out[0, i] = _exponent(value, n, expected) if n >= min_n else np.nan
        out[1, i] = n


@njit(nogil=True, cache=True)
def _exponent(value, n, expected):  # type: ignore[no-untyped-def]
    """Return 1/2 and the slope of ln(R/S / E) on ln(window), over windows of n, n/2, n/3 ..."""
    count, x, y, xx, xy = 0, 0.0, 0.0, 0.0, 0.0
    last = 0
    for parts in range(1, n // SHORTEST_WINDOW + 1):
        window = n // parts
        if window == last:
            continue
        last = window
        ratio, found = 0.0, 0
        for part in range(n // window):
            own = _rescaled_range(value, part * window, window)
            if own > 0.0:
                ratio += own
                found += 1
        if found == 0:
            return np.nan
        across, up = math.log(window), math.log(ratio / found / expected[window])
        count += 1
        x += across
        y += up
        xx += across * across
        xy += across * up
    return 0.5 + (xy - x * y / count) / (xx - x * x / count)


@njit(nogil=True, cache=True)
def _rescaled_range(value, begin, window):  # type: ignore[no-untyped-def]
    """Return the range of the sums of deviations over the standard deviation; 0 for no spread."""
    mean = 0.0
    for k in range(window):
        mean += value[begin + k]
    mean /= window
    total, low, high, square, step = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(window):
        rest = value[begin + k] - mean
        total += rest
        low, high = min(low, total), max(high, total)
        square += rest * rest
        step = max(step, abs(value[begin + k] - value[begin]))
    return (high - low) / math.sqrt(square / window) if step > 0.0 and square > 0.0 else 0.0
